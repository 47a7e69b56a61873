//! PDF files, looked at with another reader than the library that wrote them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod hostile;
mod reader;

use plumbline_document::pdf::{FontPaths, PdfWriter};
use plumbline_document::{Block, Chart, Cover, DocumentError, Layer, Text, Tone, Writer};
use reader::{heading, pages, properties, row, said, table, words, written};

fn cover(code: &str) -> Block {
    Block::Cover(Cover {
        company: "範例公司".into(),
        title: "稽核報告".into(),
        subtitle: "第四季".into(),
        facts: vec![("期間".into(), "2026Q4".into())],
        code: Some((code.into(), "掃描查驗".into())),
    })
}

/// Sections of some paragraphs each.
fn sections(count: usize, paragraphs: usize) -> Vec<Block> {
    let mut blocks = vec![
        cover("https://example.tw"),
        Block::Contents {
            title: "目錄".into()
        },
    ];
    for section in 1..=count {
        blocks.push(heading(1, &format!("第{section}章")));
        for part in 1..=3 {
            blocks.push(heading(2, &format!("第{section}章第{part}節")));
            let paragraph = "安全維護措施應依計畫逐項查核。".repeat(12);
            blocks.extend((0..paragraphs).map(|_| Block::Paragraph(paragraph.as_str().into())));
        }
    }
    blocks
}

#[test]
fn every_page_but_the_cover_says_its_number() {
    if !reader::is_here() {
        return;
    }
    let pages = pages(&written(sections(3, 9)));
    assert!(pages.len() > 5, "{}", pages.len());
    assert!(pages[0].contains("稽核報告") && pages[0].contains("2026Q4"));
    assert!(!pages[0].contains(" / "), "{}", pages[0]);
    for (index, page) in pages.iter().enumerate().skip(1) {
        let foot = page.trim_end().lines().last().unwrap();
        assert!(foot.contains("範例公司"), "{foot}");
        assert!(
            foot.ends_with(&format!("{} / {}", index + 1, pages.len())),
            "{foot}"
        );
    }
}

#[test]
fn contents_and_bookmarks_name_the_pages_where_headings_stand() {
    if !reader::is_here() {
        return;
    }
    // So many that the contents take several pages themselves.
    let file = written(sections(30, 3));
    let pages = pages(&file);
    let xml = String::from_utf8(said("pdftohtml", &file, &["-xml", "-stdout", "-i"], &[])).unwrap();
    for section in 1..=30 {
        for title in [format!("第{section}章"), format!("第{section}章第2節")] {
            let squeezed = |line: &str| line.split_whitespace().collect::<String>();
            let stands = pages
                .iter()
                .rposition(|page| page.lines().any(|line| squeezed(line) == title))
                .unwrap();
            let said = pages
                .iter()
                .flat_map(|page| page.lines())
                .find_map(|line| squeezed(line).strip_prefix(&title)?.parse::<usize>().ok())
                .unwrap();
            assert_eq!(said, stands + 1, "{title}");
            assert!(
                xml.contains(&format!("<item page=\"{said}\">{title}</item>")),
                "{title} has no bookmark to {said}"
            );
            let link = |line: &&str| line.contains(&format!("#{said}\"")) && line.contains(&title);
            assert!(
                xml.lines().any(|line| link(&line)),
                "{title} has no link to {said}"
            );
        }
    }
}

#[test]
fn chapters_begin_pages_and_headings_never_end_them() {
    if !reader::is_here() {
        return;
    }
    for filler in 30..44 {
        let mut blocks = vec![heading(1, "章名")];
        blocks.extend((0..filler).map(|_| Block::Paragraph("一行。".into())));
        blocks.extend([heading(2, "節名"), heading(3, "小節名"), table(&["欄名"])]);
        blocks.push(row(&["首列始\n中\n中\n首列終"]));
        blocks.extend((0..9).map(|_| row(&["列"])));
        blocks.extend([Block::TableEnd, heading(1, "次章")]);
        let pages = pages(&written(blocks));
        assert!(pages.last().unwrap().trim_start().starts_with("次章"));
        let page = pages.iter().find(|page| page.contains("小節名")).unwrap();
        for below in ["節名", "欄名", "首列始", "首列終"] {
            let alone = |line: &str| line.trim() == below;
            assert!(
                page.lines().any(alone),
                "after {filler} lines no {below}:\n{page}"
            );
        }
    }
}

#[test]
fn tables_repeat_their_heads_and_keep_rows_whole() {
    if !reader::is_here() {
        return;
    }
    let mut blocks = vec![heading(1, "清冊"), table(&["主機", "說明"])];
    blocks.extend((0..150).map(|index| {
        let name = format!("host-{index}");
        row(&[&format!("{name}\n{name}\n{name}"), "措施"])
    }));
    blocks.push(Block::TableEnd);
    let pages = pages(&written(blocks));
    assert!(pages.len() > 5);
    for page in &pages {
        assert_eq!(page.matches("主機").count(), 1, "{page}");
    }
    for index in 0..150 {
        let name = format!("host-{index}");
        let on = pages
            .iter()
            .filter(|page| page.split_whitespace().any(|word| word == name));
        assert_eq!(on.count(), 1, "{name} stands on several pages");
    }
}

#[test]
fn a_row_taller_than_a_page_goes_on_overleaf() {
    if !reader::is_here() {
        return;
    }
    let lines: Vec<String> = (0..200).map(|line| format!("line-{line}.")).collect();
    let blocks = [
        heading(1, "清冊"),
        table(&["主機", "說明"]),
        row(&["a", "b"]),
        row(&["host", &lines.join("\n")]),
        row(&["c", "d"]),
        Block::TableEnd,
    ];
    let file = written(blocks);
    let pages = pages(&file);
    assert!((4..6).contains(&pages.len()), "{}", pages.len());
    assert!(pages.iter().all(|page| page.contains("主機")));
    assert!(pages[0].contains("line-0."), "it begins where it stands");
    let words = words(&file);
    let places: Vec<usize> = lines.iter().map(|line| words.find(line).unwrap()).collect();
    assert!(places.is_sorted());
}

#[test]
fn words_break_where_chinese_may_and_stay_in_their_cells() {
    if !reader::is_here() {
        return;
    }
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let path =
        "/var/lib/plumbline/一個很長的目錄名稱/without-any-space-or-place-to-break-a-line-in-it-at-all";
    let chinese = "「個資」，應依「計畫」（第七條）、「辦法」；逐項、逐條。「查核」！".repeat(9);
    let blocks = [
        table(&["一", "二", "三", "四", "五", "六", "七"]),
        row(&[
            &chinese,
            hash,
            path,
            "",
            &chinese[3..],
            &chinese[6..],
            &chinese[15..],
        ]),
        Block::TableEnd,
    ];
    let file = written(blocks);
    assert!(words(&file).contains(&hash[..12]));
    let boxes = String::from_utf8(said("pdftotext", &file, &["-bbox-layout"], &["-"])).unwrap();
    let edge = |line: &str, name: &str| -> f32 {
        let value = line.split(&format!("{name}=\"")).nth(1).unwrap();
        value.split('"').next().unwrap().parse().unwrap()
    };
    let mut seen = 0;
    for line in boxes.lines().filter(|line| line.contains("<word ")) {
        let column = ((edge(line, "xMin") - 39.6) / 73.7).floor();
        assert!(
            edge(line, "xMax") <= 39.8 + 73.7 * (column + 1.0),
            "out of its cell: {line}"
        );
        let word = line.split_once('>').unwrap().1;
        let first = word.chars().next().unwrap();
        assert!(!"」，。、；）！".contains(first), "begins a line: {line}");
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn the_code_on_the_cover_can_be_scanned() {
    if !reader::is_here() {
        return;
    }
    let says =
        "https://example.tw/verify?root=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let file = written([cover(says)]);
    let image = said(
        "pdftoppm",
        &file,
        &["-gray", "-r", "300", "-f", "1", "-l", "1"],
        &[],
    );
    let mut parts = image.splitn(4, u8::is_ascii_whitespace);
    let mut number = || -> usize {
        let part = parts.next().unwrap();
        std::str::from_utf8(part).unwrap().parse().unwrap_or(0)
    };
    let (_, width, height) = (number(), number(), number());
    let pixels = &image[image.len() - width * height..];
    let mut picture =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
    let codes = picture.detect_grids();
    assert_eq!(codes.len(), 1);
    assert_eq!(codes[0].decode().unwrap().1, says);
}

#[test]
fn fonts_are_embedded_and_the_file_says_what_it_is() {
    if !reader::is_here() {
        return;
    }
    let text = Text::from("□ ■ ◧ － ▲ ● ✓ → … 碁銹裏 堃喆 é").and(plumbline_document::Style::Strong, "粗體");
    let file = written([Block::Paragraph(text)]);
    let fonts = String::from_utf8(said("pdffonts", &file, &[], &[])).unwrap();
    for font in fonts.lines().skip(2) {
        let yes = font.split_whitespace().filter(|word| *word == "yes").count();
        assert_eq!(yes, 3, "not embedded, subset and with Unicode: {font}");
    }
    assert_eq!(fonts.lines().count(), 4, "{fonts}");
    assert_eq!(words(&file), "□■◧－▲●✓→…碁銹裏堃喆é粗體範例公司稽核報告1/1");
    let info = String::from_utf8(said("pdfinfo", &file, &[], &[])).unwrap();
    for line in ["安全維護稽核報告", "範例公司", "A4", "2026"] {
        assert!(info.contains(line), "{line} in {info}");
    }
    let metadata = String::from_utf8(said("pdfinfo", &file, &["-meta"], &[])).unwrap();
    assert!(metadata.contains("<pdfaid:part>2</pdfaid:part>"), "{metadata}");
    assert!(metadata.contains("zh-TW"), "{metadata}");
}

#[test]
fn charts_show_their_key_numbers_and_places() {
    if !reader::is_here() {
        return;
    }
    let layer = |title: &str, tone, numbers: [u64; 3]| Layer {
        title: title.into(),
        tone,
        numbers: numbers.to_vec(),
    };
    let file = written([Block::Chart(Chart {
        title: "各季情形".into(),
        places: vec!["26Q2".into(), "26Q3".into(), "26Q4".into()],
        layers: vec![
            layer("符合", Tone::Good, [61, 72, 83]),
            layer("部分", Tone::Doubtful, [31, 22, 19]),
            layer(
                "不符合",
                Tone::Bad,
                [29, 24, u64::MAX / 1_000_000_000_000_000_000],
            ),
        ],
    })]);
    let page = &pages(&file)[0];
    for words in [
        "各季情形",
        "26Q2",
        "26Q4",
        "符合",
        "部分",
        "不符合",
        "61",
        "83",
        "18",
        "150",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
}

#[test]
fn the_same_blocks_make_the_same_bytes() {
    let document = || {
        let mut blocks = sections(4, 2);
        blocks.extend([
            table(&["甲", "乙"]),
            row(&["一\u{202e}", "二 𠮷"]),
            Block::TableEnd,
        ]);
        written(blocks)
    };
    assert!(document() == document());
}

#[test]
fn rows_have_a_cell_for_each_column_of_an_open_table() {
    let refused = |blocks: &[Block]| {
        let mut writer = PdfWriter::new(properties(), &FontPaths(Vec::new())).unwrap();
        let mut results = blocks.iter().map(|block| writer.write(block.clone()));
        match results.find_map(Result::err) {
            Some(DocumentError::Layout(words)) => words,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(&[row(&["甲"])]).contains("outside"));
    assert!(refused(&[Block::TableEnd]).contains("never began"));
    assert!(refused(&[table(&["甲", "乙"]), row(&["一"])]).contains("1 cells"));
    assert!(refused(&[table(&["甲"]), heading(1, "章")]).contains("other than a row"));
}

#[test]
fn an_empty_document_has_a_page() {
    if reader::is_here() {
        assert_eq!(pages(&written([])).len(), 1);
    }
}
