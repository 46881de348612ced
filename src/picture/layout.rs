//! Where cards and arrows are.

use super::order::{Order, order};
use super::positions::positions;
use super::{Arrow, End};

/// Between cards of a layer.
const GAP: f64 = 36.0;
/// Above each card, for the labels of its arrows.
pub(super) const LABEL: f64 = 38.0;
/// Between labels and the layer above, where arrows bend: at least and at most.
const BEND: f64 = 34.0;
const MOST_BEND: f64 = 90.0;
/// How far an arrow may go to the side for each unit of height, without looking flat.
const SLOPE: f64 = 10.0;
/// Before a card, where arrows are upright.
const TIP: f64 = 10.0;
/// Between a card and an arrow that goes up beside it, and between two of these.
const GUTTER: f64 = 16.0;

/// How large a card is, and where arrows reach it.
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
    /// From the top of the card to the middle of each operator.
    pub(super) operators: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// An arrow, as far as the order of cards depends on it.
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Where it arrives at its card, between 0 (left) and 1 (right).
    pub(super) port_share: f64,
}

/// A part of an arrow between two layers, with where it touches its ends, from their left.
pub(super) struct Link {
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) lower_port: f64,
    pub(super) upper_port: f64,
}

/// Where everything is.
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The upper left corner of each card.
    pub(super) cards: Vec<Point>,
    pub(super) arrows: Vec<Way>,
}

/// The way of an arrow, upwards: upright through the first point of each pair and to the height of the second, which is
/// the next one's.
pub(super) struct Way {
    /// Where it leaves its card, at the top.
    pub(super) start: Point,
    /// From where it bends to where it is upright again, for each layer that it climbs.
    pub(super) bends: Vec<(Point, Point)>,
    /// Where it arrives.
    pub(super) end: Point,
    /// The room that its label has.
    pub(super) room: f64,
}

pub(super) fn layout(sizes: &[Size], arrows: &[Arrow]) -> Layout {
    let ports = Ports::new(sizes, arrows);
    let edges: Vec<Edge> = (arrows.iter().zip(&ports.arrive))
        .map(|(arrow, port)| Edge { from: arrow.from, to: arrow.to, port_share: port / ports.widths[arrow.to] })
        .collect();
    let Order { layer, layers, ways } = order(sizes.len(), &edges);
    let mut widths = ports.widths.clone();
    widths.resize(layer.len(), 0.0);
    let (leave, room) = leave(sizes, arrows, &ports, &layers, &ways);
    let mut links = Vec::new();
    for (arrow, way) in ways.iter().enumerate() {
        for (step, pair) in way.windows(2).enumerate() {
            let lower_port = if step == 0 { leave[arrow] } else { 0.0 };
            let upper_port = if step + 2 == way.len() { ports.arrive[arrow] } else { 0.0 };
            links.push(Link { lower: pair[0], upper: pair[1], lower_port, upper_port });
        }
    }
    let left = positions(&layers, &widths, &links, GAP);
    let mut bend = vec![BEND; layers.len()];
    for Link { lower, upper, lower_port, upper_port } in &links {
        let aside = (left[*lower] + lower_port - left[*upper] - upper_port).abs();
        let height = &mut bend[layer[*upper]];
        *height = height.max((TIP + aside / SLOPE).min(MOST_BEND));
    }
    let mut top = vec![0.0; layers.len()];
    let mut bottom = vec![0.0; layers.len()];
    let mut y = 0.0;
    for (index, spots) in layers.iter().enumerate() {
        let heights = spots.iter().filter_map(|spot| sizes.get(*spot)).map(|size| size.height);
        top[index] = y;
        bottom[index] = y + heights.fold(0.0, f64::max);
        y = bottom[index] + bend[index] + LABEL;
    }
    let cards: Vec<Point> = (0..sizes.len()).map(|card| Point { x: left[card], y: top[layer[card]] }).collect();
    let mut drawn = Vec::with_capacity(arrows.len());
    for (index, (arrow, way)) in arrows.iter().zip(&ways).enumerate() {
        let start = Point { x: cards[arrow.from].x + leave[index], y: cards[arrow.from].y };
        let mut from = start;
        let mut bends = Vec::with_capacity(way.len());
        for spot in way.iter().skip(1) {
            let port = if *spot < sizes.len() { ports.arrive[index] } else { 0.0 };
            let to = Point { x: left[*spot] + port, y: bottom[layer[*spot]] + TIP };
            bends.push((Point { x: from.x, y: from.y - LABEL }, to));
            from = Point { x: to.x, y: top[layer[*spot]] };
        }
        let (card, size) = (cards[arrow.to], &sizes[arrow.to]);
        let end = match arrow.end {
            End::Input(_) => Point { x: card.x + ports.arrive[index], y: card.y + size.height },
            End::Memory(operator) => {
                let y = size.operators.get(operator).copied().unwrap_or(size.height);
                Point { x: card.x + size.width, y: card.y + y }
            },
        };
        drawn.push(Way { start, bends, end, room: room[index] });
    }
    let width = (0..sizes.len()).map(|card| left[card] + widths[card]).fold(0.0, f64::max);
    let height = bottom.last().copied().unwrap_or(0.0);
    Layout { width, height, cards, arrows: drawn }
}

/// Where arrows arrive.
struct Ports {
    /// Of each card, with the arrows that go up beside it.
    widths: Vec<f64>,
    /// Of each arrow, from the left end of its card.
    arrive: Vec<f64>,
}

impl Ports {
    fn new(sizes: &[Size], arrows: &[Arrow]) -> Self {
        let mut widths: Vec<f64> = sizes.iter().map(|size| size.width).collect();
        let mut arrive = vec![0.0; arrows.len()];
        for (card, size) in sizes.iter().enumerate() {
            let own = || arrows.iter().enumerate().filter(move |(_, arrow)| arrow.to == card);
            let inputs = own().filter(|(_, arrow)| matches!(arrow.end, End::Input(_))).count();
            // The one to the lowest operator goes up next to the card.
            let mut beside: Vec<(usize, usize)> = Vec::new();
            let mut below: Vec<(usize, usize)> = Vec::new();
            for (index, arrow) in own() {
                match arrow.end {
                    End::Input(input) => below.push((input, index)),
                    End::Memory(operator) => beside.push((operator, index)),
                }
            }
            beside.sort_unstable();
            below.sort_unstable();
            for (place, (_, index)) in below.into_iter().enumerate() {
                arrive[index] = size.width * (place + 1) as f64 / (inputs + 1) as f64;
            }
            for (_, index) in beside {
                widths[card] += GUTTER;
                arrive[index] = widths[card];
            }
        }
        Self { widths, arrive }
    }
}

/// Where arrows leave their cards, from their left ends, and how much room each has: in the order of where they go.
fn leave(
    sizes: &[Size],
    arrows: &[Arrow],
    ports: &Ports,
    layers: &[Vec<usize>],
    ways: &[Vec<usize>],
) -> (Vec<f64>, Vec<f64>) {
    let mut place = vec![0; layers.iter().flatten().max().map_or(0, |last| last + 1)];
    layers.iter().for_each(|layer| layer.iter().enumerate().for_each(|(at, spot)| place[*spot] = at));
    let (mut leave, mut room) = (vec![0.0; arrows.len()], vec![0.0; arrows.len()]);
    for (card, size) in sizes.iter().enumerate() {
        let mut own: Vec<(usize, f64, usize)> = (arrows.iter().enumerate().zip(ways))
            .filter(|((_, arrow), _)| arrow.from == card)
            .map(|((index, _), way)| (way.get(1).map_or(0, |next| place[*next]), ports.arrive[index], index))
            .collect();
        own.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let parts = own.len() as f64;
        for (at, (.., index)) in own.into_iter().enumerate() {
            leave[index] = size.width * (2 * at + 1) as f64 / (2.0 * parts);
            room[index] = size.width / parts;
        }
    }
    (leave, room)
}
