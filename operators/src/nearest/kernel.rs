//! Products of many queries with many vectors.

/// Vectors that lie side by side in a panel.
pub(super) const WIDTH: usize = 16;
/// Queries that lie side by side in a group.
pub(super) const QUERIES: usize = 6;

/// The same component of each vector of a panel.
pub(super) type Lane = [f32; WIDTH];
/// The same component of each query of a group.
pub(super) type Factors = [f32; QUERIES];

/// The product of each query of a group with each vector of a panel. Both have one element for each component.
#[inline(always)]
pub(super) fn products(group: &[Factors], panel: &[Lane]) -> [Lane; QUERIES] {
    let mut sums = [[0.0; WIDTH]; QUERIES];
    for (factors, lane) in group.iter().zip(panel) {
        for query in 0..QUERIES {
            for place in 0..WIDTH {
                sums[query][place] = multiply_add(factors[query], lane[place], sums[query][place]);
            }
        }
    }
    sums
}

/// `x * y + z`, in one operation where the processor has it.
#[inline(always)]
fn multiply_add(x: f32, y: f32, z: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { x.mul_add(y, z) } else { x * y + z }
}
