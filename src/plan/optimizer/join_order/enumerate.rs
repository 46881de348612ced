//! The cheapest order of joins.

use polars_core::prelude::PlHashMap;

use super::graph::{Graph, Tree};
use super::model::{Model, Step};
use super::set::Set;

/// More pairs of subgraphs than this are not looked at; ten relations that are all connected have 28,501.
const PAIRS: usize = 12_000;

/// The cheapest tree over all relations.
pub(super) fn best_tree(graph: &Graph, model: &mut Model<'_>) -> Tree {
    let neighbours = Neighbours::of(graph, model);
    let mut components: Vec<(Set, Tree)> = Vec::new();
    for component in neighbours.components() {
        let tree = match neighbours.pairs(component) {
            Some(pairs) => exact(graph, component, pairs, model),
            None => greedy(graph, &neighbours, component, model),
        };
        components.push((component, tree));
    }
    // The small ones first, each as the side that is held.
    components.sort_by(|(one, _), (other, _)| model.rows(*one).total_cmp(&model.rows(*other)));
    let crossed = components.into_iter().map(|(_, tree)| tree).reduce(|held, next| join(next, held));
    let tree = crossed.unwrap_or(Tree::Relation(0));
    with_wide_filters(graph, tree)
}

fn join(probe: Tree, build: Tree) -> Tree {
    Tree::Join(Box::new(probe), Box::new(build))
}

/// The graph as sets of neighbours. A relation that only filters has the number of relations added to its index.
struct Neighbours {
    of: Vec<Set>,
    nodes: Set,
}

impl Neighbours {
    fn of(graph: &Graph, model: &mut Model<'_>) -> Self {
        let relations = graph.relations.len();
        let mut neighbours = Self { of: vec![Set::default(); graph.len()], nodes: (0..relations).collect() };
        for class in &graph.classes {
            let members = class.relations();
            for relation in members.iter() {
                neighbours.connect(relation, members.without(Set::of(relation)));
            }
        }
        for edge in &graph.edges {
            if let Some(left) = edge.left.relations().only() {
                neighbours.connect(left, edge.right.relations());
            }
        }
        for (index, filter) in graph.filters.iter().enumerate() {
            let places = filter.places(graph);
            if !places.is_empty() {
                neighbours.nodes = neighbours.nodes.with(Set::of(relations + index));
                neighbours.connect(relations + index, places);
            }
        }
        // To cross a single row with what a predicate compares it to costs nothing and may drop rows early.
        for predicate in &graph.predicates {
            let read = predicate.relations();
            let single = read.iter().find(|relation| model.rows(Set::of(*relation)) <= 1.0);
            if let (2, Some(single)) = (read.len(), single) {
                neighbours.connect(single, read.without(Set::of(single)));
            }
        }
        neighbours
    }

    fn connect(&mut self, node: usize, others: Set) {
        for (index, neighbours) in self.of.iter_mut().enumerate() {
            if index == node {
                *neighbours = neighbours.with(others);
            } else if others.has(index) {
                *neighbours = neighbours.with(Set::of(node));
            }
        }
    }

    /// The neighbours of a set outside it.
    fn around(&self, set: Set) -> Set {
        let all = set.iter().filter_map(|index| self.of.get(index)).fold(Set::default(), |all, set| all.with(*set));
        all.without(set)
    }

    fn components(&self) -> Vec<Set> {
        let mut rest = self.nodes;
        let mut components = Vec::new();
        while let Some(first) = rest.iter().next() {
            let mut component = Set::of(first);
            loop {
                let grown = component.with(self.around(component).both(self.nodes));
                if grown == component {
                    break;
                }
                component = grown;
            }
            rest = rest.without(component);
            components.push(component);
        }
        components
    }

    /// All pairs of connected subgraphs of `component` with an edge between them, each once; `None` if there are too many.
    fn pairs(&self, component: Set) -> Option<Vec<(Set, Set)>> {
        let mut pairs = Pairs { neighbours: self, found: Vec::new() };
        for node in component.descending() {
            pairs.grow(Set::of(node), Set::up_to(node))?;
        }
        let mut found = pairs.found;
        // A pair comes after those that make up its sides.
        found.sort_by_key(|(one, other)| one.len() + other.len());
        Some(found)
    }
}

/// The enumeration of Moerkotte and Neumann.
struct Pairs<'a> {
    neighbours: &'a Neighbours,
    found: Vec<(Set, Set)>,
}

impl Pairs<'_> {
    /// Pairs whose first side is `set` or grows out of it without meeting `excluded`.
    fn grow(&mut self, set: Set, excluded: Set) -> Option<()> {
        self.complement(set)?;
        let around = self.neighbours.around(set).without(excluded);
        for subset in around.subsets() {
            self.grow(set.with(subset), excluded.with(around))?;
        }
        Some(())
    }

    /// Pairs whose first side is `set`.
    fn complement(&mut self, set: Set) -> Option<()> {
        let first = set.iter().next()?;
        let excluded = Set::up_to(first).with(set);
        let around = self.neighbours.around(set).without(excluded);
        for node in around.descending() {
            self.found.push((set, Set::of(node)));
            self.grow_complement(set, Set::of(node), excluded.with(Set::up_to(node).both(around)))?;
        }
        Some(())
    }

    fn grow_complement(&mut self, set: Set, other: Set, excluded: Set) -> Option<()> {
        let around = self.neighbours.around(other).without(excluded).without(set);
        for subset in around.subsets() {
            self.found.push((set, other.with(subset)));
        }
        if self.found.len() > PAIRS {
            return None;
        }
        for subset in around.subsets() {
            self.grow_complement(set, other.with(subset), excluded.with(around))?;
        }
        Some(())
    }
}

/// The cheapest tree, by dynamic programming.
fn exact(graph: &Graph, component: Set, pairs: Vec<(Set, Set)>, model: &mut Model<'_>) -> Tree {
    let mut best: PlHashMap<Set, (f64, Option<Step>)> =
        component.iter().map(|node| (Set::of(node), (0.0, None))).collect();
    for (one, other) in pairs {
        let (Some((one_cost, _)), Some((other_cost, _))) = (best.get(&one), best.get(&other)) else { continue };
        let below = one_cost + other_cost;
        let step = model.join(one, other);
        let cost = below + step.cost;
        let both = one.with(other);
        if best.get(&both).is_none_or(|(known, _)| cost < *known) {
            best.insert(both, (cost, Some(step)));
        }
    }
    tree_of(graph, component, &best)
}

fn tree_of(graph: &Graph, set: Set, best: &PlHashMap<Set, (f64, Option<Step>)>) -> Tree {
    match best.get(&set) {
        Some((_, Some(step))) => {
            joined(graph, tree_of(graph, step.probe, best), step, || tree_of(graph, step.build, best))
        },
        _ => Tree::Relation(set.iter().next().unwrap_or(0)),
    }
}

/// The tree of a step, whose build side may be a relation that only filters.
fn joined(graph: &Graph, probe: Tree, step: &Step, build: impl FnOnce() -> Tree) -> Tree {
    let filter = step.build.only().and_then(|index| index.checked_sub(graph.relations.len()));
    match filter {
        Some(filter) => Tree::Filtered(Box::new(probe), filter),
        None => join(probe, build()),
    }
}

/// A good tree: again and again joins the two connected parts that make the fewest rows.
fn greedy(graph: &Graph, neighbours: &Neighbours, component: Set, model: &mut Model<'_>) -> Tree {
    let mut parts: Vec<(Set, Tree)> = component.iter().map(|node| (Set::of(node), Tree::Relation(node))).collect();
    while parts.len() > 1 {
        let mut best: Option<(f64, f64, usize, usize)> = None;
        for (i, (one, _)) in parts.iter().enumerate() {
            let around = neighbours.around(*one);
            for (j, (other, _)) in parts.iter().enumerate().skip(i + 1) {
                if around.both(*other).is_empty() {
                    continue;
                }
                let (rows, cost) = (model.rows(one.with(*other)), model.join(*one, *other).cost);
                if best.is_none_or(|(fewest, cheapest, ..)| (rows, cost) < (fewest, cheapest)) {
                    best = Some((rows, cost, i, j));
                }
            }
        }
        let Some((_, _, i, j)) = best else { break };
        let (other, other_tree) = parts.remove(j);
        let (one, one_tree) = parts.remove(i);
        let step = model.join(one, other);
        let (probe, build) = if step.probe == one { (one_tree, other_tree) } else { (other_tree, one_tree) };
        parts.push((one.with(other), joined(graph, probe, &step, || build)));
    }
    parts.into_iter().map(|(_, tree)| tree).next().unwrap_or(Tree::Relation(0))
}

/// `tree` with the semi and anti joins that compare columns of several relations, or of none: each as soon as all are
/// there.
fn with_wide_filters(graph: &Graph, tree: Tree) -> Tree {
    let wide = graph.filters.iter().enumerate().filter(|(_, filter)| filter.places(graph).is_empty());
    wide.fold(tree, |tree, (index, filter)| place(tree, index, filter.relations()))
}

fn place(tree: Tree, index: usize, needed: Set) -> Tree {
    if needed.is_empty() {
        return Tree::Filtered(Box::new(tree), index);
    }
    match tree {
        Tree::Join(left, right) if left.relations().includes(needed) => {
            Tree::Join(Box::new(place(*left, index, needed)), right)
        },
        Tree::Join(left, right) if right.relations().includes(needed) => {
            Tree::Join(left, Box::new(place(*right, index, needed)))
        },
        tree => Tree::Filtered(Box::new(tree), index),
    }
}

impl Tree {
    /// The relations in it, without those that only filter.
    pub(super) fn relations(&self) -> Set {
        match self {
            Tree::Relation(index) => Set::of(*index),
            Tree::Join(left, right) => left.relations().with(right.relations()),
            Tree::Filtered(tree, _) => tree.relations(),
        }
    }
}
