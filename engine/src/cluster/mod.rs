//! The mesh of processes.

/// Why the mesh could not be built.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {}
