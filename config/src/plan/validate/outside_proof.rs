//! Faults in who proves what from outside.

use super::Faults;
use crate::file::shorten;
use crate::ident::HostId;
use crate::outside::{COLLECTOR, is_outside};
use crate::plan::{OutsideProof, Transport};

pub(super) fn check(role: &str, proof: &OutsideProof, faults: &mut Faults<'_>) {
    let key = |name: String| format!("{role}.intrusion.firewall.outside_proof.{name}");
    for prover in &proof.provers {
        let is_known = prover == COLLECTOR || prover.parse::<HostId>().is_ok();
        faults.add_if(
            !is_known,
            &key("provers".to_owned()),
            &format!(
                "names `{}`; write \"collector\" or the id of an enrolled host",
                shorten(prover)
            ),
        );
    }
    for (index, target) in proof.targets.iter().enumerate() {
        let path = key(format!("targets.{index}.addresses"));
        faults.add_if(
            target.addresses.is_empty(),
            &path,
            "is empty; name an address of the host",
        );
        for address in &target.addresses {
            let fault = format!("names {address}, which is not the address of a host seen from outside");
            faults.add_if(!is_outside(*address), &path, &fault);
        }
        let udp = target.ports.iter().any(|ports| ports.transport != Transport::Tcp);
        faults.add_if(
            udp,
            &key(format!("targets.{index}.ports")),
            "names a UDP port; only TCP is connected to",
        );
    }
}
