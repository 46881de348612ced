//! Which layer a card is on, and in which order the cards of a layer stand.
//!
//! The layered drawing of Sugiyama, Tagawa and Toda (1981): a card stands below all that reads from it; an arrow that
//! passes a layer has a place in it, as if it were a card; each layer is then sorted again and again by the mean place of
//! its neighbours on the layer before, and the order with the fewest crossings is kept.

use super::layout::Edge;

/// Rounds of sorting; plans are nearly trees, which hardly need any.
const ROUNDS: usize = 8;

/// Cards and passing arrows in layers, the top one first.
pub(super) struct Order {
    /// Of each spot: cards first, by their index, then passing arrows.
    pub(super) layer: Vec<usize>,
    /// Spots from left to right.
    pub(super) layers: Vec<Vec<usize>>,
    /// The spots that each edge leads through, from where it starts to where it ends.
    pub(super) ways: Vec<Vec<usize>>,
}

/// A step of an edge from one layer to the one above.
struct Step {
    lower: usize,
    upper: usize,
    /// Where it arrives, between 0 (left) and 1 (right).
    arrives: f64,
}

pub(super) fn order(cards: usize, edges: &[Edge]) -> Order {
    let mut layer = layers(cards, edges);
    let mut ways = Vec::with_capacity(edges.len());
    for edge in edges {
        let mut way = vec![edge.from];
        for passed in (layer[edge.to] + 1..layer[edge.from]).rev() {
            way.push(layer.len());
            layer.push(passed);
        }
        way.push(edge.to);
        ways.push(way);
    }
    let steps = steps(edges, &ways);
    let first = first_order(&layer, &steps, cards);
    let layers = sort(first, &layer, &steps);
    Order { layer, layers, ways }
}

/// The layer of each card: the longest way to a card that nothing reads from, which are on top or right above what they
/// read.
fn layers(cards: usize, edges: &[Edge]) -> Vec<usize> {
    let mut layer = vec![0; cards];
    let mut readers = vec![0; cards];
    edges.iter().for_each(|edge| readers[edge.from] += 1);
    let mut left = readers.clone();
    let mut ready: Vec<usize> = (0..cards).filter(|card| left[*card] == 0).collect();
    while let Some(card) = ready.pop() {
        for edge in edges.iter().filter(|edge| edge.to == card) {
            layer[edge.from] = layer[edge.from].max(layer[card] + 1);
            left[edge.from] -= 1;
            if left[edge.from] == 0 {
                ready.push(edge.from);
            }
        }
    }
    for card in (0..cards).filter(|card| readers[*card] == 0) {
        let highest = edges.iter().filter(|edge| edge.to == card).map(|edge| layer[edge.from]).min();
        layer[card] = highest.map_or(0, |highest| highest - 1);
    }
    layer
}

fn steps(edges: &[Edge], ways: &[Vec<usize>]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (edge, way) in edges.iter().zip(ways) {
        for (position, pair) in way.windows(2).enumerate() {
            let arrives = if position + 2 == way.len() { edge.port_share } else { 0.5 };
            steps.push(Step { lower: pair[0], upper: pair[1], arrives });
        }
    }
    steps
}

/// As a walk from the result down meets the spots, so that trees have no crossings.
fn first_order(layer: &[usize], steps: &[Step], cards: usize) -> Vec<Vec<usize>> {
    let mut below: Vec<Vec<(f64, usize)>> = vec![Vec::new(); layer.len()];
    steps.iter().for_each(|step| below[step.upper].push((step.arrives, step.lower)));
    for spots in &mut below {
        spots.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let mut layers = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    let mut met = vec![false; layer.len()];
    // The result is the last card. What is not below it comes to its right.
    for root in (0..cards).rev() {
        let mut waiting = vec![root];
        while let Some(spot) = waiting.pop() {
            if !std::mem::replace(&mut met[spot], true) {
                layers[layer[spot]].push(spot);
                waiting.extend(below[spot].iter().rev().map(|(_, spot)| *spot));
            }
        }
    }
    layers
}

fn sort(first: Vec<Vec<usize>>, layer: &[usize], steps: &[Step]) -> Vec<Vec<usize>> {
    // The neighbours of each spot, with where at them the step arrives.
    let mut above = vec![Vec::new(); layer.len()];
    let mut below = vec![Vec::new(); layer.len()];
    for step in steps {
        above[step.lower].push((step.upper, step.arrives));
        below[step.upper].push((step.lower, 0.0));
    }
    let mut layers = first.clone();
    let mut places = places(&layers, layer.len());
    let (mut best, mut fewest) = (first, crossings(&layers, &places, layer, steps));
    for round in 0..2 * ROUNDS {
        if fewest == 0 {
            break;
        }
        let down = round % 2 == 0;
        let neighbours = if down { &above } else { &below };
        for index in 0..layers.len() {
            let index = if down { index } else { layers.len() - 1 - index };
            let mean = |spot: usize| match neighbours[spot].as_slice() {
                [] => places[spot],
                all => all.iter().map(|(other, at)| places[*other] + at).sum::<f64>() / all.len() as f64,
            };
            let mut sorted: Vec<(f64, usize)> = layers[index].iter().map(|spot| (mean(*spot), *spot)).collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            layers[index] = sorted.into_iter().map(|(_, spot)| spot).collect();
            layers[index].iter().enumerate().for_each(|(place, spot)| places[*spot] = place as f64);
        }
        let found = crossings(&layers, &places, layer, steps);
        if found < fewest {
            (best, fewest) = (layers.clone(), found);
        }
    }
    best
}

/// Of each spot its place in its layer.
fn places(layers: &[Vec<usize>], spots: usize) -> Vec<f64> {
    let mut places = vec![0.0; spots];
    for layer in layers {
        layer.iter().enumerate().for_each(|(place, spot)| places[*spot] = place as f64);
    }
    places
}

fn crossings(layers: &[Vec<usize>], places: &[f64], layer: &[usize], steps: &[Step]) -> usize {
    let mut by_layer: Vec<Vec<(f64, f64)>> = vec![Vec::new(); layers.len()];
    for step in steps {
        by_layer[layer[step.lower]].push((places[step.lower], places[step.upper] + step.arrives));
    }
    let crossing = |steps: &Vec<(f64, f64)>| -> usize {
        let cross = |a: &(f64, f64), b: &(f64, f64)| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1);
        steps.iter().enumerate().map(|(i, a)| steps[..i].iter().filter(|b| cross(a, b)).count()).sum()
    };
    by_layer.iter().map(crossing).sum()
}
