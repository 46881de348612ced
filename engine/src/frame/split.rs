//! Cutting a batch into frames of bounded length.

use polars_core::frame::DataFrame;

use super::encode::FrameEncoder;
use super::error::FrameError;

/// Cuts a batch by rows so that each part encodes to at most `max_bytes`. The parts keep the order of the rows and share the
/// memory of `frame`. A single row that takes more is a part of its own.
///
/// # Errors
/// [`FrameError::Unsupported`] if a column has a type that cannot travel, [`FrameError::TooLarge`] if a single row does not
/// fit into a frame of any length.
///
/// ```
/// use polars_core::df;
/// use quokka_engine::frame::{FrameEncoder, split};
///
/// let batch = df!("key" => (0..1000i64).collect::<Vec<_>>())?;
/// let parts = split(&batch, 4096)?;
/// assert_eq!(parts.iter().map(|part| part.height()).sum::<usize>(), 1000);
/// for part in &parts {
///     assert!(FrameEncoder::new(part)?.len() <= 4096);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn split(frame: &DataFrame, max_bytes: usize) -> Result<Vec<DataFrame>, FrameError> {
    let mut parts = Vec::new();
    cut(frame.clone(), max_bytes.max(1), &mut parts)?;
    Ok(parts)
}

fn cut(frame: DataFrame, max_bytes: usize, parts: &mut Vec<DataFrame>) -> Result<(), FrameError> {
    let rows = frame.height();
    // Without columns a frame has the same length whatever its rows.
    let divisible = rows > 1 && frame.width() > 0;
    let pieces = match FrameEncoder::new(&frame) {
        Ok(encoder) if encoder.len() <= max_bytes => 1,
        Ok(encoder) => encoder.len().div_ceil(max_bytes),
        Err(FrameError::TooLarge { .. }) if divisible => 2,
        Err(error) => return Err(error),
    };
    if pieces == 1 || !divisible {
        parts.push(frame);
        return Ok(());
    }
    let step = rows.div_ceil(pieces.min(rows));
    for start in (0..rows).step_by(step) {
        // Rows of uneven length: a part that is still too long is cut again.
        cut(frame.slice(start as i64, step), max_bytes, parts)?;
    }
    Ok(())
}
