//! Physical plans as timely dataflows: the only module that names timely.
