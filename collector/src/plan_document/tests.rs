//! The document against the form, and against the plan.

use std::path::Path;

use plumbline_config::plan::LoadedPlan;
use plumbline_document::docx::DocxWriter;
use plumbline_document::html::HtmlWriter;
use plumbline_document::{Block, DocumentError, Text, Writer};

use super::form::{FORM, Piece, pieces};
use super::values::{UNFILLED, Values};
use super::{boxes, properties, write};

/// Words in the order in which they are read.
#[derive(Default)]
struct Read(Vec<String>);

impl Writer for Read {
    fn write(&mut self, block: Block) -> Result<(), DocumentError> {
        let words = |texts: &[Text]| texts.iter().map(Text::words).collect::<Vec<_>>().join("\n");
        self.0.push(match block {
            Block::Cover(cover) => format!("{}{}\n{}", cover.company, cover.title, cover.subtitle),
            Block::Heading { text, .. } | Block::Paragraph(text) => text.words(),
            Block::List(texts) | Block::Row(texts) => words(&texts),
            Block::Table(columns) => {
                let titles: Vec<String> = columns.into_iter().map(|column| column.title).collect();
                titles.join("\n")
            }
            _ => return Ok(()),
        });
        Ok(())
    }

    fn finish(self: Box<Self>, _out: &mut dyn std::io::Write) -> Result<(), DocumentError> {
        Ok(())
    }
}

fn read(plan: &LoadedPlan) -> String {
    let mut read = Read::default();
    write(plan, &mut read).unwrap();
    read.0.join("\n")
}

fn plan(text: &str) -> LoadedPlan {
    LoadedPlan::from_text(text.to_owned(), Path::new("plan.toml")).unwrap()
}

/// Without what stands between words: spaces, boxes, blanks and punctuation.
fn bare(words: &str) -> String {
    let is_between = |c: char| c.is_whitespace() || "□■＿○·．，。、；：:()（）【】\u{a0}".contains(c);
    words.replace(is_between, "")
}

#[test]
fn the_words_of_the_form_all_stand_in_their_order() {
    let form = include_str!("../../../config/catalogue/form.txt");
    // A note tells who fills the form in what to write, and is gone when they have.
    let mut without_notes = String::new();
    for part in form.split('【') {
        without_notes.push_str(part.split_once('】').map_or(part, |(_, after)| after));
    }
    let document = bare(&read(&plan(
        "company = \"OO公司\"\nversion = \"OOO年OO月OO日 O版\"\n",
    )));
    let (mut at, mut seen, mut chart) = (0, 0, false);
    for line in without_notes.lines().skip(1) {
        // The chart of the group is a picture of boxes in any order: a table here, with the same places.
        chart = match line {
            line if line.contains("配置管理人員（成立個資小組）") => true,
            line if line.contains("配置相當資源") && line.starts_with('（') => false,
            _ => chart,
        };
        // What stands behind a part's number is its heading or, in a paragraph of its own, below it.
        let (_, words) = line
            .split_once('）')
            .filter(|_| line.starts_with('（'))
            .unwrap_or(("", line));
        let fragments = words
            .split(['□', '＿', '　', '\t'])
            .flat_map(|part| part.split("  "));
        for fragment in fragments
            .map(bare)
            .filter(|fragment| fragment.chars().any(|c| !c.is_ascii_digit()))
        {
            if chart && !line.starts_with('（') || fragment == "image" {
                let is_example = fragment.ends_with('部') || fragment.is_ascii();
                assert!(
                    is_example || fragment.starts_with("代表人") || document.contains(&fragment),
                    "{fragment}"
                );
                continue;
            }
            let found = document[at..].find(&fragment);
            let found =
                found.unwrap_or_else(|| panic!("not after what stands before it: {line}: {fragment}"));
            at += found + fragment.len();
            seen += 1;
        }
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn every_blank_and_box_of_the_form_is_one_of_the_plan() {
    let plan = LoadedPlan::example().unwrap();
    let values = Values::new(&plan.plan);
    let mut seen = 0;
    for line in FORM.lines() {
        for piece in pieces(line.trim_start_matches('+')) {
            match piece {
                Piece::Words(words) => assert!(!words.contains(['{', '}', '[', ']']), "{line}"),
                Piece::Blank("audit.small_interval") => {}
                Piece::Blank(key) => assert!(values.knows(key), "{key}"),
                Piece::Box(key) => assert!(boxes::find(&plan.plan, key).is_some(), "{key}"),
            }
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn the_example_is_filled_in() {
    let document = read(&LoadedPlan::example().unwrap());
    for words in [
        "晴川資訊股份有限公司個人資料安全維護計畫\n115年10月01日 第1版",
        "預算：115年新臺幣1,800,000元。",
        "聯絡窗口：個資管理專員 林雅婷（02-0000-0100、privacy@qingchuan.example.com.tw）",
        "■消費者（含代管或暫存）",
        "□代管伺服器  ■代維運系統  ■SaaS服務（存於示範雲端（臺灣機房）雲端伺服器）",
        "本公司■未進行個人資料國際傳輸。",
        "本公司□將個人資料國際傳輸於＿＿＿＿等地區",
        "採取321備份原則、加密儲存、自動備份、自動壓縮、自動金鑰加密之保護措施",
        "採取TLS 1.2以上傳輸安全協定之安全措施，並通過網站弱點掃描相關檢測。",
        "■建置防火牆：管理系統伺服器及OA區網路防火牆只開放必要的通訊埠對外連線，並每6 個月定期更新一次。",
        "tcp/443\n不限\n網站及 API",
        "□建置應用程式防火牆",
        "計畫申報不適用：OA 區設備不提供網站",
        "(3) 保存期限：5 年",
        "■資本額1000萬元以上或保有個資5000筆以上",
        "1\n示範雲端服務股份有限公司\n2026-01-01–2027-12-31",
        "附錄：本公司產品開發政策",
    ] {
        assert!(
            document.replace(' ', "").contains(&words.replace(' ', "")),
            "{words}\n{document}"
        );
    }
    assert!(!document.contains("plan-document-"), "a word is missing");
}

#[test]
fn the_same_plan_is_the_same_bytes() {
    let plan = LoadedPlan::example().unwrap();
    let written = |mut writer: Box<dyn Writer>| {
        write(&plan, writer.as_mut()).unwrap();
        let mut out = Vec::new();
        writer.finish(&mut out).unwrap();
        out
    };
    let html = || written(Box::new(HtmlWriter::new(properties(&plan)).unwrap()));
    let docx = || written(Box::new(DocxWriter::new(properties(&plan)).unwrap()));
    assert!(html() == html() && docx() == docx());
    let page = String::from_utf8(html()).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"zh-TW\">") && page.ends_with("</html>\n"));
    // Each heading is in the contents, and each of the contents leads to a heading.
    let links = page.matches("<a href=\"#h").count();
    assert!(links > 40 && links == page.matches(" id=\"h").count(), "{links}");
}

#[test]
fn words_of_the_plan_are_no_markup() {
    let plan = plan("company = \"<script>alert(1)</script> & Co.\"\nversion = \"1\"\n");
    let mut writer = Box::new(HtmlWriter::new(properties(&plan)).unwrap());
    write(&plan, writer.as_mut()).unwrap();
    let mut out = Vec::new();
    writer.finish(&mut out).unwrap();
    let page = String::from_utf8(out).unwrap();
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co."));
}

#[test]
fn what_the_plan_leaves_open_can_be_seen() {
    let document = read(&plan("version = \"1\"\n"));
    assert!(document.starts_with(&format!("{UNFILLED}個人資料安全維護計畫")));
    assert!(document.matches(UNFILLED).count() > 60);
    assert!(document.contains(&format!("預算：{UNFILLED}年新臺幣{UNFILLED}元。")));
    assert!(document.contains("■密碼") && document.contains("□其他認證機制"));
}
