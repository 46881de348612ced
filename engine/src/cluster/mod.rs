//! The mesh of processes.
use std::sync::Arc; use std::any::Any; use crate::error::Error;
#[derive(Debug, thiserror::Error)]
pub enum MeshError {}
#[derive(Clone, Debug)] pub struct ClusterConfig { pub workers: usize, pub process: usize, pub addresses: Vec<String> }
impl ClusterConfig { pub fn single(workers: usize) -> Self { Self { workers, process: 0, addresses: vec!["x".into()] } } pub fn processes(&self) -> usize { self.addresses.len() } }
pub struct Mesh; pub struct Monitor;
impl Mesh { pub fn connect(_: &ClusterConfig) -> Result<Mesh, MeshError> { Ok(Mesh) } pub fn monitor(&self) -> Arc<Monitor> { Arc::new(Monitor) }
 pub fn into_allocators(self) -> Result<(Vec<timely::communication::AllocatorBuilder>, Box<dyn Any + Send>), MeshError> { unreachable!() } }
impl Monitor { pub fn failure(&self) -> Option<Error> { None } pub fn on_failure(&self, _: impl Fn(&Error)+Send+Sync+'static) {} pub fn shutdown(&self) {} }
pub fn install_panic_filter() {}
