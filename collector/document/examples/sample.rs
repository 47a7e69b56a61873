//! Writes a document like an audit report, to look at: `sample LANG ROWS FILE`.

use std::fs::File;
use std::io::BufWriter;

use plumbline_config::lang::Lang;
use plumbline_document::pdf::{FontPaths, PdfWriter};
use plumbline_document::{
    Block, Chart, Column, Cover, DocumentError, Layer, Properties, Style, Text, Tone, Writer,
};

/// Words in both languages.
struct Words(Lang);

impl Words {
    fn say(&self, chinese: &'static str, english: &'static str) -> &'static str {
        match self.0 {
            Lang::ZhTw => chinese,
            Lang::En => english,
        }
    }
}

fn main() -> Result<(), DocumentError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [lang, rows, file] = arguments.as_slice() else {
        return Err(DocumentError::Layout("usage: sample zh-TW|en ROWS FILE".into()));
    };
    let words = Words(if lang == "en" { Lang::En } else { Lang::ZhTw });
    let rows = rows.parse().unwrap_or(200);
    let company = words.say("範例科技股份有限公司", "Example Technology Co., Ltd.");
    let title = words.say(
        "個人資料安全維護計畫稽核報告",
        "Audit report on personal-data security",
    );
    let properties = Properties {
        title: title.to_owned(),
        company: company.to_owned(),
        lang: words.0,
        made_at: Some(1_795_305_600),
        footer: format!("{company}　{title}　2026Q4"),
    };
    let mut writer: Box<dyn Writer> = Box::new(PdfWriter::new(properties, &FontPaths::default())?);
    front(writer.as_mut(), &words, company, title)?;
    summary(writer.as_mut(), &words)?;
    checklist(writer.as_mut(), &words)?;
    annex(writer.as_mut(), &words, rows)?;
    writer.finish(&mut BufWriter::new(File::create(file)?))
}

fn heading(level: u8, words: impl Into<Text>) -> Block {
    Block::Heading {
        level,
        text: words.into(),
    }
}

fn columns(titles: &[(&str, f32)]) -> Block {
    let columns = titles.iter().map(|(title, share)| Column {
        title: (*title).to_owned(),
        share: *share,
    });
    Block::Table(columns.collect())
}

fn front(writer: &mut dyn Writer, words: &Words, company: &str, title: &str) -> Result<(), DocumentError> {
    let fact = |name: &str, value: &str| (name.to_owned(), Text::from(value));
    let plan = Text::from(words.say("第 3 版", "version 3")).and(
        Style::Soft,
        "\nSHA-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    );
    writer.write(Block::Cover(Cover {
        company: company.to_owned(),
        title: title.to_owned(),
        subtitle: words
            .say("附件十二　個人資料安全維護稽核表", "Section 12: personal-data security checklist")
            .to_owned(),
        facts: vec![
            fact(words.say("期間", "Period"), words.say("2026 年第 4 季（2026-10-01 至 2026-12-31）", "2026Q4 (2026-10-01 to 2026-12-31)")),
            fact(words.say("基準時間", "As of"), "2026-11-22 08:00:00 +08:00"),
            fact(words.say("製作時間", "Made at"), "2026-11-22 08:00:05 +08:00"),
            (words.say("安全維護計畫", "Plan").to_owned(), plan),
        ],
        code: Some((
            "https://plumbline.example.tw/verify?tree=18234&root=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
            Text::default()
                .and(Style::Strong, words.say("查驗本報告", "Verify this report"))
                .and(Style::Plain, words.say("\n掃描左方條碼，或於收集端執行 plumblinectl verify，比對存證樹之根值。", "\nScan the code, or run plumblinectl verify on the collector, and compare the root of the tree of evidence."))
                .and(Style::Soft, "\n9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        )),
    }))?;
    writer.write(Block::Contents {
        title: words.say("目錄", "Contents").to_owned(),
    })
}

fn summary(writer: &mut dyn Writer, words: &Words) -> Result<(), DocumentError> {
    writer.write(heading(1, words.say("一、稽核摘要", "1. Summary")))?;
    writer.write(Block::Paragraph(words.say(
        "本報告依《個人資料保護法》第二十七條及公司安全維護計畫製作，彙整本季各主機之量測結果、人工佐證與例外核准。凡「符合」者，均指範圍內每一部主機於基準時間前之有效期限內量測合格；未經量測者，一律視為不符合，不以推定代之。",
        "This report is made under Article 27 of the Personal Data Protection Act and the company's security maintenance plan. A line conforms only when every host in its scope was measured and passed within the time that a finding stays fresh; what nobody measured counts as nonconforming.",
    ).into()))?;
    writer.write(heading(2, words.say("（一）符合情形", "1.1 How the lines stand")))?;
    writer.write(Block::List(vec![
        Text::from(words.say(
            "稽核項目共 12 項、138 列；其中 96 列",
            "There are 12 items with 138 lines; 96 are ",
        ))
        .and(Style::Status(Tone::Good), words.say("符合", "conforming"))
        .and(Style::Plain, words.say("，21 列", ", 21 "))
        .and(Style::Status(Tone::Doubtful), words.say("部分符合", "partly"))
        .and(Style::Plain, words.say("，14 列", ", 14 "))
        .and(Style::Status(Tone::Bad), words.say("不符合", "nonconforming"))
        .and(
            Style::Plain,
            words.say("，其餘不適用。", "; the rest do not apply."),
        ),
        Text::from(words.say(
            "本季納管主機 412 部，逾時未回報者 3 部，均已列於附錄。",
            "412 hosts are enrolled; three of them are stale and listed in the annex.",
        )),
        Text::from(words.say(
            "每一筆發現均有雜湊值與簽章，收集端以 RFC 6962 之雜湊樹保存，任何竄改皆可查出。",
            "Each finding is hashed and signed, and kept in an RFC 6962 tree: whatever is changed shows.",
        )),
    ]))?;
    writer.write(Block::Facts(vec![
        (words.say("納管主機", "Hosts").to_owned(), "412".into()),
        (words.say("本季發現", "Findings").to_owned(), "18,234".into()),
        (
            words.say("例外核准", "Waivers").to_owned(),
            words
                .say(
                    "2 件，均於計畫所定期限內，並經權責主管核可",
                    "2, within the time that the plan gives, and approved",
                )
                .into(),
        ),
    ]))?;
    let layer = |chinese, english, tone, numbers: [u64; 8]| Layer {
        title: words.say(chinese, english).to_owned(),
        tone,
        numbers: numbers.to_vec(),
    };
    let places = ["25Q1", "25Q2", "25Q3", "25Q4", "26Q1", "26Q2", "26Q3", "26Q4"];
    writer.write(Block::Chart(Chart {
        title: words
            .say("各季稽核列之符合情形", "Lines of the checklist by quarter")
            .to_owned(),
        places: places.into_iter().map(str::to_owned).collect(),
        layers: vec![
            layer("符合", "Conforming", Tone::Good, [41, 52, 60, 71, 80, 88, 93, 96]),
            layer(
                "部分符合",
                "Partly",
                Tone::Doubtful,
                [38, 36, 34, 30, 27, 25, 22, 21],
            ),
            layer(
                "不符合",
                "Nonconforming",
                Tone::Bad,
                [52, 43, 37, 30, 24, 18, 16, 14],
            ),
            layer(
                "不適用",
                "Not applicable",
                Tone::Neutral,
                [7, 7, 7, 7, 7, 7, 7, 7],
            ),
        ],
    }))
}

fn checklist(writer: &mut dyn Writer, words: &Words) -> Result<(), DocumentError> {
    writer.write(heading(1, words.say("二、稽核表", "2. Checklist")))?;
    let status = [
        (Tone::Good, words.say("■ 符合", "■ conforming")),
        (Tone::Good, words.say("■ 符合", "■ conforming")),
        (Tone::Doubtful, words.say("◧ 部分符合", "◧ partly")),
        (Tone::Good, words.say("■ 符合", "■ conforming")),
        (Tone::Bad, words.say("□ 不符合", "□ nonconforming")),
        (Tone::Neutral, words.say("－ 不適用", "－ not applicable")),
    ];
    let lines = [
        words.say("是否訂定個人資料檔案安全維護計畫及業務終止後個人資料處理方法？", "Is there a plan for the security maintenance of personal-data files, and for their fate when business ends?"),
        words.say("遠端登入是否採用多因子驗證，並限制來源位址？", "Does remote access ask for several factors, from known addresses only?"),
        words.say("資料庫連線是否全程加密（TLS 1.2 以上），且憑證仍在有效期限內？", "Are database connections encrypted (TLS 1.2 or later), with certificates still valid?"),
        words.say("存取紀錄是否保存六個月以上，並防止未經授權之修改或刪除？", "Are access records kept for six months or more, and guarded against change?"),
        words.say("備份媒體是否加密，並定期測試還原？", "Are backups encrypted, and is restoring them practised?"),
    ];
    let mut number = 0;
    for item in 1..=12 {
        let title = words.say("項：設備安全管理", ". Security of equipment");
        writer.write(heading(
            2,
            match words.0 {
                Lang::ZhTw => format!("第 {item} {title}"),
                Lang::En => format!("Item {item}{title}"),
            },
        ))?;
        writer.write(columns(&[
            (words.say("編號", "No."), 9.0),
            (words.say("稽核內容", "Question"), 44.0),
            (words.say("結果", "Status"), 17.0),
            (words.say("依據及佐證", "Evidence"), 30.0),
        ]))?;
        let count = if item <= 6 { 12 } else { 11 };
        for line in 1..=count {
            number += 1;
            let (tone, mark) = status[number % status.len()];
            let question = lines[number % lines.len()];
            let evidence = Text::from(words.say("量測 412 部主機，全數合格。", "412 hosts measured.")).and(
                Style::Soft,
                "\ntls-certificate-expiry, sshd-two-factor\n/etc/ssh/sshd_config.d/50-cloud-init.conf",
            );
            writer.write(Block::Row(vec![
                format!("12.{item}.{line}").into(),
                question.into(),
                Text::default().and(Style::Status(tone), mark),
                evidence,
            ]))?;
        }
        writer.write(Block::TableEnd)?;
    }
    Ok(())
}

fn annex(writer: &mut dyn Writer, words: &Words, rows: usize) -> Result<(), DocumentError> {
    writer.write(heading(
        1,
        words.say("附錄、各主機發現清冊", "Annex: findings by host"),
    ))?;
    writer.write(Block::Paragraph(
        words
            .say("依主機名稱排列。", "In the order of host names.")
            .into(),
    ))?;
    writer.write(columns(&[
        (words.say("主機", "Host"), 20.0),
        (words.say("檢查", "Check"), 20.0),
        (words.say("結果", "Result"), 11.0),
        (words.say("說明", "What was found"), 35.0),
        ("SHA-256", 14.0),
    ]))?;
    for row in 0..rows {
        let (tone, mark) = match row % 7 {
            3 => (Tone::Bad, words.say("未通過", "fail")),
            5 => (Tone::Doubtful, words.say("無法判定", "unknown")),
            _ => (Tone::Good, words.say("通過", "pass")),
        };
        let hash = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writer.write(Block::Row(vec![
            format!("db-{:04}.taipei.example.tw", row / 7).into(),
            ["sshd-root-login", "tls-certificate-expiry", "firewall-default-deny"][row % 3].into(),
            Text::default().and(Style::Status(tone), mark),
            words.say("PermitRootLogin 設為 no；憑證尚餘 62 日到期，簽發者為內部憑證機構。", "PermitRootLogin is no; the certificate has 62 days left and was issued by the internal authority.").into(),
            Text::default().and(Style::Soft, format!("{hash:016x}")),
        ]))?;
    }
    writer.write(Block::TableEnd)
}
