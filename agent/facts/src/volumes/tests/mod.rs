//! Tests of the parts of the probe together.

mod headers;
mod stacks;
