//! The behaviour suite on PostgreSQL, and what is PostgreSQL's own.

mod cluster;

use super::*;
use crate::store::suite;
pub(crate) use cluster::{Cluster, server};

#[test]
fn it_behaves_as_a_store() {
    let Some(cluster) = Cluster::shared() else { return };
    suite::run(|behaviour| behaviour(&cluster.store()));
}
