//! The raw columnar wire frame between processes.
use polars_core::prelude::*;
use polars_buffer::Buffer;
pub const MAX_FRAME_BYTES: usize = 1 << 20;
pub struct FrameEncoder {}
#[derive(Debug, thiserror::Error)]
pub enum FrameError {}
impl From<FrameError> for crate::error::OperatorError { fn from(_: FrameError) -> Self { unreachable!() } }
impl FrameEncoder { pub fn new(_: &DataFrame) -> Result<Self, FrameError> { Ok(Self{}) } pub fn len(&self) -> usize {0} pub fn write_to<W: std::io::Write>(&self, _: &mut W) -> std::io::Result<()> {Ok(())} pub fn to_vec(&self)->Vec<u8>{vec![]} }
pub fn decode(_: Buffer<u8>, _: &Schema) -> Result<DataFrame, FrameError> { Ok(DataFrame::empty()) }
pub fn split(_: &DataFrame, _: usize) -> Result<Vec<DataFrame>, FrameError> { Ok(vec![]) }
