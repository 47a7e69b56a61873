//! From the kernel's netlink attributes to the expressions of a rule.
//!
//! Source: the attribute enumerations of `include/uapi/linux/netfilter/nf_tables.h`, named in the comments.

use super::attributes::Attributes;
use super::decode::{read_data, value};
use super::expression::{
    Comparison, Conntrack, Expression, Extension, FibDevice, FibResult, Header, LookupTo, Meta, Nat, NatKind,
    Register, Verdict,
};
use super::set::Data;

/// Most expressions of a rule; the kernel's own limit (`NFT_RULE_MAXEXPRS`).
const MOST_EXPRESSIONS: usize = 128;

/// A list of `enum nft_expr_attributes`.
pub(super) fn expressions(list: Attributes<'_>) -> Vec<Expression> {
    let mut found: Vec<_> = list
        .take(MOST_EXPRESSIONS)
        .map(|(_, element)| {
            let element = Attributes(element);
            let name = element.name(1).unwrap_or_default();
            let data = element.nested(2);
            read_expression(&name, data).unwrap_or_else(|| Expression::Opaque {
                name: name.into_owned(),
            })
        })
        .collect();
    if list.count() > MOST_EXPRESSIONS {
        let name = "a rule of more expressions than the kernel allows".to_owned();
        found.push(Expression::Opaque { name });
    }
    found
}

fn register(data: Attributes<'_>, kind: u16) -> Option<Register> {
    Register::from_number(data.number(kind)?)
}

/// One expression by its name; `None` where it holds something that this version does not know.
fn read_expression(name: &str, data: Attributes<'_>) -> Option<Expression> {
    Some(match name {
        "meta" => meta(data)?,
        "payload" => payload(data)?,
        "exthdr" => option(data)?,
        "ct" => conntrack(data)?,
        "fib" => fib(data)?,
        "immediate" => immediate(data)?,
        "bitwise" => bitwise(data)?,
        // enum nft_byteorder_attributes
        "byteorder" => Expression::Byteorder {
            from: register(data, 1)?,
            to: register(data, 2)?,
            length: data.number(4)?,
            size: data.number(5)?,
        },
        // enum nft_cmp_attributes
        "cmp" => Expression::Compare {
            from: register(data, 1)?,
            comparison: comparison(data.number(2)?)?,
            value: value(data.nested(3))?,
        },
        // enum nft_range_attributes
        "range" => Expression::Range {
            from: register(data, 1)?,
            inverted: data.number(2)? != 0,
            low: value(data.nested(3))?,
            high: value(data.nested(4))?,
        },
        "lookup" => lookup(data)?,
        "dynset" => set_update(data)?,
        "reject" => Expression::Reject,
        "nat" => nat(data)?,
        "masq" => Expression::Nat(Nat::plain(NatKind::Source)),
        // enum nft_redir_attributes
        "redir" => Expression::Nat(Nat {
            port: register(data, 1),
            port_to: register(data, 2).filter(|to| Some(*to) != register(data, 1)),
            ..Nat::plain(NatKind::Redirect)
        }),
        "notrack" => Expression::NoTrack,
        "limit" => limited(name, data.number(5)),
        "quota" => quota(data),
        "connlimit" => connection_limit(data),
        // enum nft_objref_attributes; by a map where 1 is missing.
        "objref" => Expression::Object {
            kind: data.number(1)?,
            name: data.text(2)?,
        },
        "counter" | "log" | "last" | "dup" | "flow_offload" => Expression::Passive,
        "match" | "target" => extension(name == "target", data)?,
        // enum nft_ng_attributes, enum nft_hash_attributes
        "numgen" => Expression::Number {
            to: register(data, 1)?,
            modulus: data.number(2)?,
            offset: data.number(4).unwrap_or_default(),
        },
        "hash" => Expression::Number {
            to: register(data, 2)?,
            modulus: data.number(4)?,
            offset: data.number(6).unwrap_or_default(),
        },
        // NFT_RT_XFRM: no packet here is of IPsec, nor inside another.
        "rt" if data.number(2) == Some(4) => Expression::Load {
            to: register(data, 1)?,
            value: vec![0],
        },
        "xfrm" | "inner" | "tunnel" => Expression::Verdict(Verdict::Break),
        // Each has its destination register as attribute 1 or 2.
        "osf" | "rt" => opaque_load(name, register(data, 1)),
        "socket" => opaque_load(name, register(data, 2)),
        "tproxy" => Expression::TransparentProxy,
        "synproxy" => Expression::SynProxy,
        // enum nft_queue_attributes: number, how many, flags.
        "queue" => {
            let short = |kind| Some(u16::from_be_bytes(data.get(kind)?.try_into().ok()?));
            let first = short(1)?;
            Expression::Verdict(Verdict::Queue {
                first,
                last: first.saturating_add(short(2).unwrap_or(1).saturating_sub(1)),
                bypass: short(3).unwrap_or_default() & 1 != 0,
            })
        }
        _ => return None,
    })
}

/// `enum nft_dynset_attributes`: name, operation, inverted (flag 1), an expression for each element, or several.
fn set_update(data: Attributes<'_>) -> Option<Expression> {
    /// `NFT_DYNSET_OP_DELETE`.
    const DELETE: u32 = 2;
    let one = data.get(7).map(Attributes);
    let several = data.nested(10).map(|(_, element)| Attributes(element));
    let exceeds = one.into_iter().chain(several).any(|element| {
        let name = element.name(1).unwrap_or_default();
        let inner = read_expression(&name, element.nested(2));
        matches!(inner, Some(Expression::Limit { inverted: true, .. }))
    });
    let inverted = data.number(9).unwrap_or_default() & 1 != 0;
    Some(Expression::SetUpdate {
        set: data.text(1)?,
        usual: !exceeds && !inverted,
        removes: data.number(3) == Some(DELETE),
    })
}

fn opaque_load(name: &str, to: Option<Register>) -> Expression {
    let name = name.to_owned();
    Expression::LoadOpaque { to, name }
}

fn limited(name: &str, flags: Option<u32>) -> Expression {
    Expression::Limit {
        name: name.to_owned(),
        inverted: flags.unwrap_or_default() & 1 != 0,
    }
}

/// `enum nft_quota_attributes`: bytes, flags, bytes counted so far.
fn quota(data: Attributes<'_>) -> Expression {
    let over = data.number(2).unwrap_or_default() & 1 != 0;
    let spent = data
        .long(1)
        .zip(data.long(4))
        .is_some_and(|(bytes, counted)| counted >= bytes);
    Expression::Limit {
        name: "quota".to_owned(),
        inverted: over != spent,
    }
}

/// `enum nft_connlimit_attributes`: connections, flags. The connection itself counts.
fn connection_limit(data: Attributes<'_>) -> Expression {
    let over = data.number(2).unwrap_or_default() & 1 != 0;
    match data.number(1) {
        Some(0) if over => Expression::Passive,
        Some(0) => Expression::Verdict(Verdict::Break),
        _ => limited("connlimit", data.number(2)),
    }
}

const fn comparison(number: u32) -> Option<Comparison> {
    Some(match number {
        0 => Comparison::Equal,
        1 => Comparison::NotEqual,
        2 => Comparison::Less,
        3 => Comparison::LessOrEqual,
        4 => Comparison::Greater,
        5 => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// `enum nft_meta_attributes`.
fn meta(data: Attributes<'_>) -> Option<Expression> {
    let key = match data.number(2)? {
        1 => Meta::Protocol,
        3 => Meta::Mark,
        4 => Meta::Iif,
        5 => Meta::Oif,
        6 => Meta::IifName,
        7 => Meta::OifName,
        15 => Meta::NfProto,
        16 => Meta::L4Proto,
        19 => Meta::PacketType,
        other => Meta::Other(other),
    };
    Some(match data.get(3) {
        Some(_) => Expression::MetaSet {
            key,
            from: register(data, 3)?,
        },
        None => Expression::Meta {
            key,
            to: register(data, 1)?,
        },
    })
}

/// `enum nft_payload_attributes`.
fn payload(data: Attributes<'_>) -> Option<Expression> {
    let base = match data.number(2)? {
        0 => Header::Link,
        1 => Header::Network,
        2 => Header::Transport,
        _ => Header::Inner,
    };
    let (offset, length) = (data.number(3)?, data.number(4)?);
    Some(match data.get(5) {
        Some(_) => Expression::PayloadSet {
            base,
            offset,
            length,
            from: register(data, 5)?,
        },
        None => Expression::Payload {
            base,
            offset,
            length,
            to: register(data, 1)?,
        },
    })
}

/// `enum nft_exthdr_attributes`.
fn option(data: Attributes<'_>) -> Option<Expression> {
    // A source register: an option that is written, or (no register) taken out.
    let Some(to) = register(data, 1) else {
        return Some(Expression::Passive);
    };
    let operation = data.number(6).unwrap_or_default();
    Some(Expression::Option {
        presence: data.number(5).unwrap_or_default() & 1 != 0,
        network: operation == 0 || operation == 2,
        kind: data.byte(2).unwrap_or_default(),
        to,
        length: data.number(4)?,
    })
}

/// `enum nft_ct_attributes`.
fn conntrack(data: Attributes<'_>) -> Option<Expression> {
    let key = match data.number(2)? {
        0 => Conntrack::State,
        1 => Conntrack::Direction,
        2 => Conntrack::Status,
        3 => Conntrack::Mark,
        7 => Conntrack::Family,
        8 | 19 | 21 => Conntrack::Source,
        9 | 20 | 22 => Conntrack::Destination,
        10 => Conntrack::Protocol,
        11 => Conntrack::SourcePort,
        12 => Conntrack::DestinationPort,
        other => Conntrack::Other(other),
    };
    Some(match data.get(4) {
        Some(_) => Expression::ConntrackSet {
            key,
            from: register(data, 4)?,
        },
        None => Expression::Conntrack {
            key,
            reply: data.byte(3).map(|direction| direction == 1),
            to: register(data, 1)?,
        },
    })
}

/// `enum nft_fib_attributes`.
fn fib(data: Attributes<'_>) -> Option<Expression> {
    let flags = data.number(3)?;
    Some(Expression::Fib {
        result: match data.number(2)? {
            1 => FibResult::Interface,
            2 => FibResult::InterfaceName,
            3 => FibResult::AddressType,
            _ => return None,
        },
        // NFTA_FIB_F_SADDR and NFTA_FIB_F_PRESENT.
        source: flags & 1 != 0,
        // NFTA_FIB_F_MARK, _IIF, _OIF.
        mark: flags & 4 != 0,
        device: match flags & 0x18 {
            8 => Some(FibDevice::Inward),
            0x10 => Some(FibDevice::Outward),
            _ => None,
        },
        presence: flags & 0x20 != 0,
        to: register(data, 1)?,
    })
}

/// `enum nft_immediate_attributes`.
fn immediate(data: Attributes<'_>) -> Option<Expression> {
    Some(match read_data(data.nested(2))? {
        Data::Verdict(verdict) => Expression::Verdict(verdict),
        Data::Value(value) => Expression::Load {
            to: register(data, 1)?,
            value,
        },
        Data::None => return None,
    })
}

/// `enum nft_bitwise_attributes`.
fn bitwise(data: Attributes<'_>) -> Option<Expression> {
    let (from, to) = (register(data, 1)?, register(data, 2)?);
    if data.number(6).unwrap_or_default() != 0 {
        // A shift, or an operation on two registers.
        return Some(opaque_load("bitwise", Some(to)));
    }
    Some(Expression::Bitwise {
        from,
        to,
        mask: value(data.nested(4))?,
        xor: value(data.nested(5))?,
    })
}

/// `enum nft_lookup_attributes`.
fn lookup(data: Attributes<'_>) -> Option<Expression> {
    let to = match data.number(3) {
        None => None,
        Some(0) => Some(LookupTo::Verdict),
        Some(number) => Some(LookupTo::Register(Register::from_number(number)?)),
    };
    Some(Expression::Lookup {
        set: data.text(1)?,
        from: register(data, 2)?,
        to,
        inverted: data.number(5).unwrap_or_default() & 1 != 0,
    })
}

/// `enum nft_nat_attributes`.
fn nat(data: Attributes<'_>) -> Option<Expression> {
    let kind = match data.number(1)? {
        0 => NatKind::Source,
        1 => NatKind::Destination,
        _ => return None,
    };
    let (address, port) = (register(data, 3), register(data, 5));
    let flags = data.number(7).unwrap_or_default();
    Some(Expression::Nat(Nat {
        kind,
        address,
        address_to: register(data, 4).filter(|to| Some(*to) != address),
        port,
        port_to: register(data, 6).filter(|to| Some(*to) != port),
        ipv6: data.number(2) == Some(10),
        // NF_NAT_RANGE_NETMAP and NF_NAT_RANGE_PROTO_OFFSET.
        mapped: flags & 0x40 != 0,
        shifted: flags & 0x20 != 0,
    }))
}

impl Nat {
    /// With no new address or port.
    #[must_use]
    pub const fn plain(kind: NatKind) -> Self {
        Self {
            kind,
            address: None,
            address_to: None,
            port: None,
            port_to: None,
            ipv6: false,
            mapped: false,
            shifted: false,
        }
    }
}

/// `enum nft_match_attributes` and `enum nft_target_attributes`, which have the same numbers.
fn extension(target: bool, data: Attributes<'_>) -> Option<Expression> {
    Some(Expression::Extension(Extension {
        target,
        name: data.text(1)?,
        revision: data.number(2).unwrap_or_default(),
        info: data.get(3).unwrap_or_default().to_vec(),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_decode_to_something(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            name in "(meta|payload|exthdr|ct|fib|immediate|bitwise|byteorder|cmp|range|lookup|dynset|nat|redir|match|socket|limit|objref)",
        ) {
            let _ = read_expression(&name, Attributes(&bytes));
            prop_assert!(expressions(Attributes(&bytes)).len() <= bytes.len() + 1);
        }
    }
}
