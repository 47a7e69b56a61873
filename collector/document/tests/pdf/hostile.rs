//! Words that come from elsewhere: host names, summaries, paths.

use std::fs;
use std::path::Path;

use plumbline_document::pdf::{FontPaths, PdfWriter};
use plumbline_document::{Block, Chart, Column, Cover, Layer, Properties, Text, Tone, Writer};
use proptest::prelude::*;

use crate::reader::{self, heading, pages, row, table, words, written, written_with};

const NOTO: &str = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";

#[test]
fn what_has_no_glyph_is_given_by_number() {
    if !reader::is_here() {
        return;
    }
    let file = written([Block::Paragraph(
        "吉野家 𠮷野家，e\u{301}、中\u{301}、😀、ع。".into(),
    )]);
    let words = words(&file);
    assert!(
        words.starts_with("吉野家[U+20BB7]野家，e\u{301}、中[U+0301]、[U+1F600]、[U+0639]。"),
        "{words}"
    );
}

#[test]
fn fonts_of_the_computer_help_out() {
    if !reader::is_here() || !Path::new(NOTO).exists() {
        eprintln!("SKIPPED: fonts-noto-cjk is not installed; no font was there to help out");
        return;
    }
    let paths = FontPaths(vec![
        "/nonexistent.ttf".into(),
        "/etc/passwd".into(),
        "/".into(),
        NOTO.into(),
    ]);
    let file = written_with([Block::Paragraph("𠮷野家，한국，\u{e000}。".into())], &paths);
    assert!(
        words(&file).starts_with("𠮷野家，한국，[U+E000]。"),
        "{}",
        words(&file)
    );
}

#[test]
fn a_font_that_must_not_be_embedded_is_not() {
    let Ok(mut font) = fs::read(NOTO) else {
        eprintln!("SKIPPED: fonts-noto-cjk is not installed; no font was there to be refused");
        return;
    };
    // fsType of OS/2: "restricted licence embedding".
    let number = |font: &[u8], at: usize| {
        usize::try_from(u32::from_be_bytes(font[at..at + 4].try_into().unwrap())).unwrap()
    };
    for face in 0..number(&font, 8) {
        let directory = number(&font, 12 + 4 * face);
        let table = (directory + 12..)
            .step_by(16)
            .find(|at| &font[*at..at + 4] == b"OS/2")
            .unwrap();
        let os2 = number(&font, table + 8);
        font[os2 + 8..os2 + 10].copy_from_slice(&[0, 2]);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("restricted.ttc");
    fs::write(&path, font).unwrap();
    let file = written_with([Block::Paragraph("𠮷野家".into())], &FontPaths(vec![path]));
    if reader::is_here() {
        assert!(words(&file).starts_with("[U+20BB7]野家"), "{}", words(&file));
    }
}

#[test]
fn titles_without_measure_or_with_controls_are_still_titles() {
    let properties = Properties {
        title: "題\u{0}\u{202e}".repeat(20_000),
        company: "\u{1b}]0;\u{7}".repeat(20_000),
        footer: "頁尾\n".repeat(20_000),
        made_at: Some(i64::MIN),
        ..reader::properties()
    };
    let mut writer = Box::new(PdfWriter::new(properties, &FontPaths(Vec::new())).unwrap());
    writer.write(heading(1, &"章\n".repeat(20_000))).unwrap();
    let mut file = Vec::new();
    writer.finish(&mut file).unwrap();
    if reader::is_here() {
        assert!(words(&file).contains("章"));
    }
}

#[test]
fn directions_and_controls_are_shown_and_move_nothing() {
    if !reader::is_here() {
        return;
    }
    let name = "web\u{202e}gpj.exe\u{202c}\u{7}\u{1b}[31m\u{200b}\u{feff}\u{0}";
    let file = written([
        heading(1, name),
        table(&["主機", "結果"]),
        row(&[name, "通過"]),
        Block::TableEnd,
    ]);
    let shown = "web[U+202E]gpj.exe[U+202C][U+0007][U+001B][31m[U+200B][U+FEFF][U+0000]";
    let words = words(&file);
    assert_eq!(words.matches(shown).count(), 2, "{words}");
    let page = &pages(&file)[0];
    let line = page.lines().find(|line| line.contains("通過")).unwrap();
    assert!(line.find("web").unwrap() < line.find("通過").unwrap(), "{line}");
}

#[test]
fn words_without_measure_stay_on_the_paper() {
    if !reader::is_here() {
        return;
    }
    let long = "無".repeat(30_000);
    let blocks = [
        heading(2, &long[..6000]),
        table(&[&long[..9000], "乙"]),
        row(&["甲", &long]),
        Block::TableEnd,
        Block::Facts(vec![(long[..9000].into(), long[..9000].into())]),
    ];
    let file = written(blocks);
    assert!(words(&file).matches('無').count() >= 30_000 + 3_000 + 2_000);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        ".{0,12}",
        "[ \n\t，。「」個資a-z]{0,60}",
        proptest::collection::vec(any::<char>(), 0..24)
            .prop_map(|characters| characters.into_iter().collect()),
    ]
}

fn tone() -> impl Strategy<Value = Tone> {
    prop_oneof![
        Just(Tone::Good),
        Just(Tone::Doubtful),
        Just(Tone::Bad),
        Just(Tone::Neutral)
    ]
}

fn any_table() -> impl Strategy<Value = Vec<Block>> {
    let columns = proptest::collection::vec((text(), any::<f32>()), 0..6);
    (columns, proptest::collection::vec(text(), 0..12)).prop_map(|(columns, cells)| {
        let count = columns.len();
        let columns = columns.into_iter().map(|(title, share)| Column { title, share });
        let mut blocks = vec![Block::Table(columns.collect())];
        for cells in cells.chunks_exact(count.max(1)).filter(|_| count > 0) {
            blocks.push(Block::Row(
                cells.iter().map(|words| Text::from(words.as_str())).collect(),
            ));
        }
        blocks.push(Block::TableEnd);
        blocks
    })
}

fn any_blocks() -> impl Strategy<Value = Vec<Block>> {
    let layer = (text(), tone(), proptest::collection::vec(any::<u64>(), 0..5));
    let layer = layer.prop_map(|(title, tone, numbers)| Layer { title, tone, numbers });
    let chart = (
        text(),
        proptest::collection::vec(text(), 0..5),
        proptest::collection::vec(layer, 0..4),
    );
    prop_oneof![
        (any::<u8>(), text()).prop_map(|(level, words)| vec![heading(level, &words)]),
        text().prop_map(|words| vec![Block::Paragraph(words.into())]),
        proptest::collection::vec(text(), 0..4)
            .prop_map(|points| vec![Block::List(points.into_iter().map(Text::from).collect())]),
        proptest::collection::vec((text(), text()), 0..4).prop_map(|facts| {
            vec![Block::Facts(
                facts
                    .into_iter()
                    .map(|(name, words)| (name, words.into()))
                    .collect(),
            )]
        }),
        any_table(),
        chart.prop_map(|(title, places, layers)| vec![Block::Chart(Chart {
            title,
            places,
            layers
        })]),
        text().prop_map(|title| vec![Block::Contents { title }]),
        (text(), text(), text()).prop_map(|(company, title, says)| vec![Block::Cover(Cover {
            company,
            title,
            subtitle: String::new(),
            facts: Vec::new(),
            code: Some((says.clone(), says.into())),
        })]),
        Just(vec![Block::PageBreak]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_blocks_make_a_document(blocks in proptest::collection::vec(any_blocks(), 0..8)) {
        let file = written(blocks.into_iter().flatten());
        prop_assert!(file.starts_with(b"%PDF-1.7") && file.ends_with(b"%%EOF"));
    }
}
