//! Tests of the parts of the probe together.

mod archive;
mod headers;
mod stacks;
