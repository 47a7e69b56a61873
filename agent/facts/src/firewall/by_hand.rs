//! Surroundings as other tools write them: `ip -j`, `sysctl -a`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::interfaces::{Interface, Surroundings};
use super::recording::{RecordingError, wrong};
use super::routes::{Route, RouteKind, Routes, RoutingRule};

/// Reads the files that are there. `file`: the content of one by its name.
pub(super) fn surroundings(
    file: impl Fn(&str) -> Result<Option<Vec<u8>>, RecordingError>,
) -> Result<Surroundings, RecordingError> {
    let array = |name: &str| -> Result<Option<Vec<Value>>, RecordingError> {
        let Some(text) = file(name)? else {
            return Ok(None);
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| wrong(name, &error))
    };
    let mut found = Surroundings::default();
    if let Some(listed) = array("addresses.json")? {
        let mut interfaces: Vec<Interface> = listed.iter().filter_map(interface).collect();
        for (place, value) in listed.iter().enumerate() {
            let master = value.get("master").and_then(Value::as_str);
            let index = interfaces
                .iter()
                .find(|other| Some(other.name.as_str()) == master)
                .map(|other| other.index);
            if let Some(interface) = interfaces.get_mut(place) {
                interface.master = index;
            }
        }
        found.interfaces = Some(interfaces);
    }
    let index = |name: &str| {
        let interfaces = found.interfaces.iter().flatten();
        interfaces
            .into_iter()
            .find(|interface| interface.name == name)
            .map(|interface| interface.index)
    };
    let mut routes = Routes::default();
    let mut known = false;
    for (v6, name) in [(false, "routes.json"), (true, "routes6.json")] {
        for value in array(name)?.into_iter().flatten() {
            known = true;
            let v6 = v6
                || value
                    .get("dst")
                    .and_then(Value::as_str)
                    .is_some_and(|to| to.contains(':'));
            routes.routes.extend(route(&value, v6, &index));
        }
    }
    for (v6, name) in [(false, "rules.json"), (true, "rules6.json")] {
        match array(name)? {
            Some(listed) => routes.rules.extend(listed.iter().map(|value| rule(value, v6))),
            None => routes.rules.extend(
                [(0, 255), (32_766, 254), (32_767, 253)]
                    .map(|(priority, table)| usual_rule(v6, priority, table)),
            ),
        }
    }
    routes.rules.sort_by_key(|rule| (rule.v6, rule.priority));
    if let Some(text) = file("sysctl.txt")? {
        let text = String::from_utf8_lossy(&text).into_owned();
        settings(&text, &mut found);
    }
    found.routes = known.then_some(routes);
    Ok(found)
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str()
}

fn number(value: &Value, field: &str) -> Option<u32> {
    u32::try_from(value.get(field)?.as_u64()?).ok()
}

/// One entry of `ip -j address`.
fn interface(value: &Value) -> Option<Interface> {
    let flags: Vec<&str> = value
        .get("flags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let addresses = value.get("addr_info").and_then(Value::as_array);
    let address = |value: &Value| {
        let length = u8::try_from(value.get("prefixlen")?.as_u64()?).ok()?;
        IpNet::new(text(value, "local")?.parse().ok()?, length).ok()
    };
    Some(Interface {
        name: text(value, "ifname")?.to_owned(),
        index: number(value, "ifindex")?,
        up: flags.contains(&"UP"),
        loopback: flags.contains(&"LOOPBACK"),
        hardware: match text(value, "link_type") {
            Some("ether") => 1,
            Some("loopback") => 772,
            _ => 0xffff,
        },
        kind: value
            .get("linkinfo")
            .and_then(|info| text(info, "info_kind"))
            .map(str::to_owned),
        group: text(value, "group")
            .and_then(|group| group.parse().ok())
            .unwrap_or(0),
        master: None,
        mac: text(value, "address").and_then(mac),
        addresses: addresses.into_iter().flatten().filter_map(address).collect(),
    })
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    bytes?.try_into().ok()
}

fn table(value: &Value) -> u32 {
    match value.get("table") {
        Some(Value::String(name)) => match name.as_str() {
            "local" => 255,
            "default" => 253,
            name => name.parse().unwrap_or(254),
        },
        Some(other) => other
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(254),
        None => 254,
    }
}

/// `default`, an address or a network.
fn network(text: &str, v6: bool) -> Option<IpNet> {
    match text {
        "default" | "all" if v6 => "::/0".parse().ok(),
        "default" | "all" => "0.0.0.0/0".parse().ok(),
        text => text
            .parse::<IpNet>()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)),
    }
}

/// One entry of `ip -j route show table all`.
fn route(value: &Value, v6: bool, index: &dyn Fn(&str) -> Option<u32>) -> Option<Route> {
    let kind = match text(value, "type").unwrap_or("unicast") {
        "unicast" => RouteKind::Unicast,
        "local" => RouteKind::Local,
        "broadcast" => RouteKind::Broadcast,
        "anycast" => RouteKind::Anycast,
        "multicast" => RouteKind::Multicast,
        "blackhole" => RouteKind::Blackhole,
        "unreachable" => RouteKind::Unreachable,
        "prohibit" => RouteKind::Prohibit,
        "throw" => RouteKind::Throw,
        _ => return None,
    };
    let hops = value.get("nexthops").and_then(Value::as_array);
    let devices = hops.into_iter().flatten().filter_map(|hop| text(hop, "dev"));
    let interfaces: Vec<u32> = text(value, "dev")
        .into_iter()
        .chain(devices)
        .filter_map(index)
        .collect();
    Some(Route {
        table: table(value),
        destination: network(text(value, "dst")?, v6)?.trunc(),
        kind,
        odd: kind == RouteKind::Unicast && interfaces.is_empty() || value.get("from").is_some(),
        interfaces,
        metric: number(value, "metric").unwrap_or_default(),
    })
}

const fn usual_rule(v6: bool, priority: u32, table: u32) -> RoutingRule {
    RoutingRule {
        v6,
        priority,
        from: None,
        to: None,
        mark: None,
        inward: None,
        table: Some(table),
        inverted: false,
        suppressed: None,
        odd: false,
    }
}

/// One entry of `ip -j rule`.
fn rule(value: &Value, v6: bool) -> RoutingRule {
    let hexadecimal = |field| {
        let text = text(value, field)?;
        u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
    };
    let net = |field, length| {
        let base = network(text(value, field)?, v6)?;
        let length = number(value, length).and_then(|length| u8::try_from(length).ok());
        let length = length.unwrap_or(base.prefix_len());
        let any = length == 0 || text(value, field) == Some("all");
        IpNet::new(base.addr(), length).ok().filter(|_| !any)
    };
    let known = [
        "priority",
        "src",
        "srclen",
        "dst",
        "dstlen",
        "fwmark",
        "fwmask",
        "iif",
        "table",
        "not",
        "protocol",
        "action",
        "suppress_prefixlen",
    ];
    let fields = value.as_object().into_iter().flat_map(|object| object.keys());
    RoutingRule {
        priority: number(value, "priority").unwrap_or_default(),
        from: net("src", "srclen"),
        to: net("dst", "dstlen"),
        mark: hexadecimal("fwmark").map(|mark| (mark, hexadecimal("fwmask").unwrap_or(u32::MAX))),
        inward: text(value, "iif").map(str::to_owned),
        table: (value.get("table").is_some()).then(|| table(value)),
        inverted: value.get("not").is_some(),
        suppressed: number(value, "suppress_prefixlen").and_then(|length| u8::try_from(length).ok()),
        odd: fields.into_iter().any(|field| !known.contains(&field.as_str())),
        ..usual_rule(v6, 0, 254)
    }
}

/// `net.ipv4.ip_forward = 1` and so on.
fn settings(text: &str, found: &mut Surroundings) {
    let lines = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim(), value.trim()))
    });
    let values: BTreeMap<&str, &str> = lines.collect();
    let on = |name: &str| values.get(name).map(|value| *value != "0");
    found.forwarding = [on("net.ipv4.ip_forward"), on("net.ipv6.conf.all.forwarding")];
    let level = |name: &str| -> u8 {
        let value = values.get(format!("net.ipv4.conf.{name}.rp_filter").as_str());
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    };
    let names: Vec<String> = found
        .interfaces
        .iter()
        .flatten()
        .map(|interface| interface.name.clone())
        .collect();
    let local = |name: &str| on(&format!("net.ipv4.conf.{name}.route_localnet")) == Some(true);
    for name in names {
        if local("all") || local(&name) {
            found.loopback_routed.push(name.clone());
        }
        let checked = level("all").max(level(&name));
        if checked != 0 {
            found.reverse_checked.insert(name, checked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::routes::Way;

    #[test]
    fn what_ip_and_sysctl_print_is_read() {
        let file = |name: &str| {
            let text = match name {
                "addresses.json" => {
                    r#"[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"link_type":"loopback","addr_info":[]},
                    {"ifindex":4,"ifname":"eth0","flags":["UP"],"link_type":"ether","address":"02:00:00:00:00:01",
                    "group":"default","addr_info":[{"family":"inet","local":"192.0.2.1","prefixlen":24}]}]"#
                }
                "routes.json" => {
                    r#"[{"dst":"default","gateway":"192.0.2.254","dev":"eth0"},
                    {"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local"},
                    {"type":"blackhole","dst":"198.51.100.0/24","table":"77"}]"#
                }
                "rules.json" => {
                    r#"[{"priority":0,"src":"all","table":"local"},
                    {"priority":9,"src":"all","fwmark":"0x5","table":"77"},{"priority":32766,"src":"all","table":"main"}]"#
                }
                "sysctl.txt" => "net.ipv4.ip_forward = 1\nnet.ipv4.conf.eth0.rp_filter = 1\n",
                _ => return Ok(None),
            };
            Ok(Some(text.as_bytes().to_vec()))
        };
        let found = surroundings(file).unwrap();
        assert_eq!(found.is_local("192.0.2.1".parse().unwrap()), Some(true));
        assert_eq!(
            found.link_to("203.0.113.9".parse().unwrap()).unwrap().name,
            "eth0"
        );
        assert_eq!(found.forwards(false), Some(true));
        assert_eq!(found.reverse_checked["eth0"], 1);
        let to: IpNet = "198.51.100.9/32".parse().unwrap();
        assert_eq!(
            found.way(to, None, Some(5), "eth0"),
            Some(Way::Found(RouteKind::Blackhole, Vec::new()))
        );
    }
}
