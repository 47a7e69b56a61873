//! A parser's message as one plain sentence with the mend.

/// Most characters of a text from the file that a sentence repeats.
const LONGEST_QUOTE: usize = 60;

/// What a network is written like.
const NETWORK: &str = "a network such as \"192.0.2.0/24\" or \"2001:db8::/32\"";

/// Names the tables in which a key would be known: `service.transfer`.
pub(crate) type Owners = fn(&str) -> Vec<String>;

/// The sentence for `message`, about the key `key`, where the file has `text`.
pub(super) fn sentence(message: &str, key: Option<&str>, text: &str, owners: Owners) -> String {
    let message = message.lines().collect::<Vec<_>>().join("; ");
    let here = key.map_or_else(|| "this value".to_owned(), |key| format!("`{key}`"));
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown("key", rest, owners);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown("value", rest, |_| Vec::new());
    }
    if let Some((found, expected)) = split(&message, "invalid type: ") {
        return format!("{here} takes {}, not {}", wanted(expected), given(found));
    }
    if message == "wanted string or table" {
        return format!("{here} takes a text in quotes");
    }
    if let Some((found, expected)) = split(&message, "invalid value: ") {
        return format!("{here} takes {}, not {}", wanted(expected), given(found));
    }
    if let Some(missing) = message.strip_prefix("missing field ") {
        return format!("{here} lacks the key {missing}");
    }
    if message == "duplicate key" {
        return format!("the key `{}` stands twice; keep one", shorten(text));
    }
    if message == "invalid IP address syntax" {
        return format!("{here} takes {NETWORK}");
    }
    // A type's own sentence names the value; the parser's names nothing.
    if message.contains('`') || key.is_none() {
        message
    } else {
        format!("{here}: {message}")
    }
}

fn split<'m>(message: &'m str, start: &str) -> Option<(&'m str, &'m str)> {
    message.strip_prefix(start)?.rsplit_once(", expected ")
}

/// `rest` is what serde says after the first words: the name given, then those known, each in backquotes.
fn unknown(what: &str, rest: &str, owners: impl Fn(&str) -> Vec<String>) -> String {
    let (given, known) = rest
        .rsplit_once(", expected ")
        .or_else(|| rest.rsplit_once(", there are no "))
        .unwrap_or((rest, ""));
    let given = given.trim_matches('`');
    let quoted = shorten(given);
    let nearest = nearest(given, known.split('`').skip(1).step_by(2));
    let owners = owners(given);
    let belongs = (1..=2).contains(&owners.len()) && nearest.is_none_or(|(distance, _)| distance > 2);
    if belongs {
        let tables: Vec<_> = owners.iter().map(|owner| table(owner)).collect();
        return format!("unknown key `{quoted}` here; it belongs {}", tables.join(" or "));
    }
    match nearest {
        Some((_, known)) => format!("unknown {what} `{quoted}`; the nearest known {what} is `{known}`"),
        None => format!("unknown {what} `{quoted}`; none is taken here"),
    }
}

fn table(owner: &str) -> String {
    if owner.is_empty() {
        "at the top of the file, before the first table".to_owned()
    } else {
        format!("to [{owner}]")
    }
}

/// What serde found, in plain words.
fn given(found: &str) -> String {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    let value = value.trim_matches(['`', '"']);
    match kind {
        "string" => format!("the text \"{}\"", shorten(value)),
        "integer" => format!("the number {value}"),
        "floating" => format!("the number {}", value.trim_start_matches("point `")),
        "boolean" => value.to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a table or a date".to_owned(),
        _ => shorten(found),
    }
}

/// What serde wanted, in plain words.
fn wanted(expected: &str) -> String {
    let whole = |least: i128, most: u128| format!("a whole number from {least} to {most}");
    match expected {
        "a string" | "string" => "a text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list in [ ]".to_owned(),
        "u8" => whole(0, u8::MAX.into()),
        "u16" => whole(0, u16::MAX.into()),
        "u32" => whole(0, u32::MAX.into()),
        "i16" => whole(i16::MIN.into(), 32_767),
        "u64" | "usize" => "a whole number from 0 on".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other if other.starts_with("path") => "a path in quotes".to_owned(),
        other if other.contains("network address") => NETWORK.to_owned(),
        other => other.to_owned(),
    }
}

/// The one of `known` that is nearest to `given`, and how many letters apart they are.
pub fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<(usize, &'k str)> {
    let given = shorten(given);
    known
        .map(|known| (strsim::damerau_levenshtein(&given, &shorten(known)), known))
        .min_by_key(|(distance, _)| *distance)
}

/// The head of a text from the file, fit for a terminal.
pub(crate) fn shorten(text: &str) -> String {
    let mut letters = text.chars();
    let mut head: String = letters
        .by_ref()
        .take(LONGEST_QUOTE)
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect();
    if letters.next().is_some() {
        head.push('…');
    }
    head
}
