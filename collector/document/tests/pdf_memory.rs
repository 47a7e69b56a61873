//! What is kept in memory of a long document. A program of its own: no other test must add to the figures.

#![allow(clippy::unwrap_used)]

use std::fs;

use plumbline_config::lang::Lang;
use plumbline_document::pdf::{FontPaths, PdfWriter};
use plumbline_document::{Block, Column, Properties, Text, Writer};

/// The most memory that the process ever had, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn written(rows: usize) -> usize {
    let properties = Properties {
        title: "附錄".into(),
        company: "範例公司".into(),
        lang: Lang::ZhTw,
        made_at: None,
        footer: String::new(),
    };
    let mut writer = Box::new(PdfWriter::new(properties, &FontPaths(Vec::new())).unwrap());
    let columns = ["主機", "檢查", "結果"].map(|title| Column {
        title: title.into(),
        share: 1.0,
    });
    writer.write(Block::Table(columns.into())).unwrap();
    for row in 0..rows {
        let cells = [
            format!("db-{row}.example.tw"),
            format!("{row:064x}"),
            "通過".into(),
        ];
        writer.write(Block::Row(cells.map(Text::from).into())).unwrap();
    }
    writer.write(Block::TableEnd).unwrap();
    let mut file = Vec::new();
    writer.finish(&mut file).unwrap();
    file.len()
}

#[test]
fn twenty_thousand_rows_take_little_more_memory_than_a_thousand() {
    written(1_000);
    let few = peak();
    let size = written(20_000);
    assert!(size > 500_000, "{size}");
    let grown = peak() - few;
    assert!(grown < 24 << 20, "{grown} bytes more");
}
