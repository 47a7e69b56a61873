//! Where chains lead to, as far as the certificates at hand tell.

use plumbline_facts::tls::{Trust, read_file};

use crate::pki::pki;

fn ders(names: &[&str]) -> Vec<Vec<u8>> {
    let read =
        |name: &&str| Trust::anchors_of_pem(&std::fs::read(pki().join(format!("{name}.pem"))).unwrap());
    names.iter().flat_map(read).collect()
}

#[test]
fn a_missing_link_is_told_from_a_strange_root_where_certificates_at_hand_tell() {
    let faults = |leaf: &str, anchors: &[&str], known: &[&str]| -> Vec<&'static str> {
        let trust = Trust {
            anchors: Some(ders(anchors)),
            known: ders(known),
            now: jiff::Timestamp::now(),
            ..Trust::default()
        };
        let file = std::fs::read(pki().join(format!("{leaf}.pem"))).unwrap();
        read_file(&file, &trust).remove(0).weaknesses
    };
    // The issuer is trusted: nothing is missing, shown or not.
    assert_eq!(faults("good", &["ca"], &[]), [""; 0]);
    assert_eq!(faults("under", &["ca", "int"], &[]), [""; 0]);
    assert_eq!(faults("under-int", &["ca"], &[]), [""; 0]);
    // An intermediate is at hand that leads to an anchor: the server does not show it, which others may lack.
    assert_eq!(faults("under", &["ca"], &["int"]), ["incomplete-chain"]);
    // It leads to a root that is at hand too, and is no anchor.
    assert_eq!(faults("under", &["rogue"], &["int", "ca"]), ["untrusted"]);
    assert_eq!(faults("good", &["rogue"], &["ca"]), ["untrusted"]);
    // Nothing tells what lies beyond.
    assert_eq!(faults("under", &["ca"], &[]), ["incomplete-chain"]);
    assert_eq!(faults("under", &["rogue"], &["good"]), ["incomplete-chain"]);
}
