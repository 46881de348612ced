//! Black-box tests, through the façade only.

mod smoke;
