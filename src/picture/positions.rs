//! Where the spots of a layer stand, from left to right.

use super::layout::Link;

/// Sweeps over all layers, down and up in turn, the last one up; places settle within a few.
const SWEEPS: usize = 12;

/// The left ends of spots of such widths, so that links are as upright as they can be while spots keep their order and the
/// distance `gap`.
///
/// Each layer in turn is placed as near as possible, in the sum of squares, to where its neighbours want it: an isotonic
/// regression, which the pool-adjacent-violators algorithm solves exactly (Ayer et al., 1955).
pub(super) fn positions(layers: &[Vec<usize>], widths: &[f64], links: &[Link], gap: f64) -> Vec<f64> {
    let mut left = vec![0.0; widths.len()];
    for layer in layers {
        let mut next = 0.0;
        for spot in layer {
            left[*spot] = next;
            next += widths[*spot] + gap;
        }
    }
    // The neighbours of each spot, with how far right of theirs its left end should be.
    let mut above = vec![Vec::new(); widths.len()];
    let mut below = vec![Vec::new(); widths.len()];
    for link in links {
        let right = link.upper_port - link.lower_port;
        above[link.lower].push((link.upper, right));
        below[link.upper].push((link.lower, -right));
    }
    for sweep in 0..SWEEPS {
        if sweep % 2 == 0 {
            layers.iter().for_each(|layer| place(layer, widths, &above, gap, &mut left));
        } else {
            layers.iter().rev().for_each(|layer| place(layer, widths, &below, gap, &mut left));
        }
    }
    let first = left.iter().copied().fold(f64::INFINITY, f64::min);
    left.iter_mut().for_each(|left| *left -= first);
    left
}

/// Spots whose distances are fixed.
struct Block {
    first: usize,
    /// Sum of what its spots want.
    wanted: f64,
    spots: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.wanted / self.spots
    }
}

/// The neighbours of each spot.
type Neighbours = [Vec<(usize, f64)>];

fn place(layer: &[usize], widths: &[f64], neighbours: &Neighbours, gap: f64, left: &mut [f64]) {
    let mut blocks: Vec<Block> = Vec::with_capacity(layer.len());
    let mut offsets = Vec::with_capacity(layer.len());
    let mut offset = 0.0;
    for (position, spot) in layer.iter().enumerate() {
        offsets.push(offset);
        let wanted = wanted(*spot, neighbours, left) - offset;
        offset += widths[*spot] + gap;
        let mut block = Block { first: position, wanted, spots: 1.0 };
        while let Some(before) = blocks.pop_if(|before| before.mean() > block.mean()) {
            block =
                Block { first: before.first, wanted: before.wanted + block.wanted, spots: before.spots + block.spots };
        }
        blocks.push(block);
    }
    let ends = blocks.iter().skip(1).map(|block| block.first).chain([layer.len()]).collect::<Vec<_>>();
    for (block, end) in blocks.iter().zip(ends) {
        for position in block.first..end {
            left[layer[position]] = block.mean() + offsets[position];
        }
    }
}

/// Where its neighbours want the left end of a spot; where it is, if it has none.
fn wanted(spot: usize, neighbours: &Neighbours, left: &[f64]) -> f64 {
    match neighbours[spot].as_slice() {
        [] => left[spot],
        all => all.iter().map(|(other, right)| left[*other] + right).sum::<f64>() / all.len() as f64,
    }
}
