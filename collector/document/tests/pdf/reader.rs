//! PDF files as poppler reads them.

use std::fs;
use std::path::Path;
use std::process::Command;

use plumbline_config::lang::Lang;
use plumbline_document::pdf::{FontPaths, PdfWriter};
use plumbline_document::{Block, Column, Properties, Text, Writer};

/// Whether poppler's programs are installed; says so if not.
pub(crate) fn is_here() -> bool {
    let here = Command::new("pdftotext").arg("-v").output().is_ok();
    if !here {
        eprintln!("SKIPPED: poppler-utils is not installed; nobody else read the PDF");
    }
    here
}

pub(crate) fn properties() -> Properties {
    Properties {
        title: "安全維護稽核報告".into(),
        company: "範例公司".into(),
        lang: Lang::ZhTw,
        made_at: Some(1_795_305_600),
        footer: "範例公司　稽核報告".into(),
    }
}

/// A file of some blocks, with no other fonts than its own.
pub(crate) fn written(blocks: impl IntoIterator<Item = Block>) -> Vec<u8> {
    written_with(blocks, &FontPaths(Vec::new()))
}

pub(crate) fn written_with(blocks: impl IntoIterator<Item = Block>, fonts: &FontPaths) -> Vec<u8> {
    let mut writer = Box::new(PdfWriter::new(properties(), fonts).unwrap());
    for block in blocks {
        writer.write(block).unwrap();
    }
    let mut file = Vec::new();
    writer.finish(&mut file).unwrap();
    file
}

/// What one of poppler's programs says of a file.
pub(crate) fn said(program: &str, file: &[u8], before: &[&str], after: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("document.pdf");
    fs::write(&path, file).unwrap();
    run(program, &path, before, after)
}

fn run(program: &str, path: &Path, before: &[&str], after: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(before)
        .arg(path)
        .args(after)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{program}: {complaints}"
    );
    output.stdout
}

/// The words of each page, in lines as they stand.
pub(crate) fn pages(file: &[u8]) -> Vec<String> {
    let words = String::from_utf8(said("pdftotext", file, &["-layout"], &["-"])).unwrap();
    let mut pages: Vec<String> = words.split('\u{c}').map(str::to_owned).collect();
    pages.pop();
    pages
}

/// The words of all pages, without the spaces and line ends that layout made.
pub(crate) fn words(file: &[u8]) -> String {
    let words = String::from_utf8(said("pdftotext", file, &["-raw"], &["-"])).unwrap();
    words.split_whitespace().collect()
}

pub(crate) fn heading(level: u8, words: &str) -> Block {
    Block::Heading {
        level,
        text: words.into(),
    }
}

pub(crate) fn table(titles: &[&str]) -> Block {
    let columns = titles.iter().map(|title| Column {
        title: (*title).to_owned(),
        share: 1.0,
    });
    Block::Table(columns.collect())
}

pub(crate) fn row(cells: &[&str]) -> Block {
    Block::Row(cells.iter().map(|words| Text::from(*words)).collect())
}
