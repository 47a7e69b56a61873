use std::io::{Cursor, Read};

use plumbline_config::catalogue::IncidentKind;
use plumbline_config::plan::LoadedPlan;

use super::*;
use crate::records::action::Entry;
use crate::records::incident::{Assessed, CaseHost, Harm, IncidentStep, Opened, Seen};
use crate::records::{People, keep};
use crate::store::SqliteStore;

const HOSTILE: &str = "<script>alert(1)</script>&\"']]>=1+1";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn entry(text: &str) -> Entry {
    Entry {
        text: text.to_owned(),
        files: Vec::new(),
    }
}

/// A case with these steps.
fn case(steps: &[IncidentStep]) -> Incident {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).unwrap();
    let opened = Opened {
        kind: IncidentKind::Intrusion,
        host: Some(CaseHost {
            id: "h-1".parse().unwrap(),
            name: "web-1".to_owned(),
            role: plumbline_config::ident::Role::Service,
        }),
        culprit: Some("user:wang.hsiao-ming".to_owned()),
        text: "主機發現疑似入侵：user:wang.hsiao-ming".to_owned(),
        known_at: at("2026-11-22T01:00:00Z"),
        happened_at: Some(at("2026-11-21T20:00:00Z")),
        finding: Some(Seen {
            check: "logins.abnormal".to_owned(),
            anomaly: Some("success-after-failures".to_owned()),
            severity: plumbline_config::finding::Severity::Critical,
            summary: plumbline_config::lang::Bilingual {
                zh_tw: "wang.hsiao-ming 自 203.0.113.7 登入".to_owned(),
                en: "wang.hsiao-ming from 203.0.113.7".to_owned(),
            },
            observed_at: at("2026-11-22T00:59:00Z"),
            received_at: at("2026-11-22T00:59:01Z"),
            last_at: None,
        }),
        report_within_seconds: 72 * 3_600,
        report_within_if_in_media_seconds: 24 * 3_600,
    };
    let first = IncidentStep::Open(opened);
    let all = std::iter::once(&first).chain(steps);
    for (before, step) in (0..).zip(all) {
        keep(
            &store,
            "i-1",
            before,
            step,
            "user:alice",
            at("2026-11-22T02:00:00Z"),
        )
        .unwrap();
    }
    People::read(&store).unwrap().incidents["i-1"].clone()
}

fn made(incident: &Incident, plan: &Plan, lang: Lang, format: DocumentFormat) -> Vec<u8> {
    let notice = Notice {
        id: "i-1",
        incident,
        plan,
        now: at("2026-11-22T03:00:00Z"),
        lang,
    };
    let mut bytes = Vec::new();
    notice.make(format, &mut bytes).unwrap();
    bytes
}

fn page(incident: &Incident, plan: &Plan, lang: Lang) -> String {
    String::from_utf8(made(incident, plan, lang, DocumentFormat::Html)).unwrap()
}

fn assessed() -> IncidentStep {
    IncidentStep::Assess(Assessed {
        personal_data: true,
        grave: true,
        harms: [Harm::Leak].into(),
        categories: vec!["C001 辨識個人者".to_owned()],
        people: Some(1_200),
        records: Some(1_500),
        special_records: Some(0),
        text: "密碼遭破解。".to_owned(),
        damage: "會員資料遭下載。".to_owned(),
        consequences: "可能遭冒名。".to_owned(),
        ..Assessed::default()
    })
}

#[test]
fn what_nobody_knows_yet_is_a_blank_or_an_empty_box() {
    let page = page(&case(&[]), &Plan::default(), Lang::ZhTw);
    for said in [
        "個人資料侵害事故通報與紀錄表（草稿 DRAFT）",
        "2026-11-25 09:00 +08:00，剩 70 小時 0 分",
        "數位發展部",
        "＿＿＿年＿＿月＿＿日＿＿時＿＿分",
        "□ 竊取　□ 洩漏　□ 竄改　□ 毀損　□ 滅失　□ 其他侵害事故：＿＿＿＿＿＿",
        "總筆數約 ＿＿＿＿＿＿ 筆",
        "□ 特種個資約 ＿＿＿＿＿＿ 筆",
        "□ 是　□ 否，理由：＿＿＿＿＿＿",
        "擬採取（依安全維護計畫）：□ 尋找惡意程式",
        "個資事故通知（當事人）（草稿 DRAFT）",
        "個資事故通知（客戶）（草稿 DRAFT）",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[test]
fn what_plan_and_case_know_is_filled_in() {
    let plan = LoadedPlan::example().unwrap().plan;
    let steps = [
        assessed(),
        IncidentStep::Contain(entry("已停用帳號。")),
        IncidentStep::Notify {
            whom: Whom::Authority,
            told_at: at("2026-11-22T02:30:00Z"),
            channel: "電子郵件".to_owned(),
            entry: entry("已依附表二通報。"),
        },
    ];
    let incident = case(&steps);
    let page = page(&incident, &plan, Lang::ZhTw);
    for said in [
        plan.company.as_str(),
        "姓名：陳志豪",
        "2026-11-22 10:30 +08:00",
        "■ 洩漏",
        "□ 竊取",
        "總筆數約 1500 筆",
        "■ 一般個資約 1500 筆",
        "□ 特種個資約 0 筆",
        "當事人約 1200 人",
        "C001 辨識個人者",
        "主機 web-1 於 2026-11-22 08:59 +08:00",
        "多次登入失敗後",
        "密碼遭破解。",
        "會員資料遭下載。",
        "可能遭冒名。",
        "2026-11-22 10:00 +08:00 已停用帳號。",
        "客服專線 02-0000-0100",
        "■ 是　□ 否",
        "已於期限（2026-11-25 09:00 +08:00）內通報主管機關",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let english = self::page(&incident, &plan, Lang::En);
    for said in [
        "DRAFT: Report and record",
        "■ leak",
        "About 1500 records in all",
        "■ yes",
    ] {
        assert!(english.contains(said), "{said}: {english}");
    }
}

#[test]
fn accounts_and_addresses_that_were_measured_do_not_leave_the_house() {
    let plan = LoadedPlan::example().unwrap().plan;
    for lang in Lang::ALL {
        let page = page(&case(&[assessed()]), &plan, lang);
        assert!(
            !page.contains("wang.hsiao-ming") && !page.contains("203.0.113.7"),
            "{page}"
        );
    }
}

#[test]
fn a_notice_that_comes_too_late_says_so() {
    let late = IncidentStep::Correct {
        known_at: Some(at("2026-11-01T00:00:00Z")),
        happened_at: None,
        entry: entry("早已知悉"),
    };
    let page = page(&case(&[late]), &Plan::default(), Lang::ZhTw);
    assert!(
        page.contains("已逾期") && page.contains("□ 是　■ 否，理由：＿＿＿＿＿＿"),
        "{page}"
    );
}

#[test]
fn what_people_wrote_is_words_in_every_format() {
    let hostile = IncidentStep::Assess(Assessed {
        personal_data: true,
        harms: [Harm::Other].into(),
        categories: vec![HOSTILE.to_owned()],
        text: HOSTILE.to_owned(),
        damage: HOSTILE.to_owned(),
        ..Assessed::default()
    });
    let incident = case(&[hostile, IncidentStep::Contain(entry(HOSTILE))]);
    let plan = Plan {
        company: HOSTILE.to_owned(),
        ..LoadedPlan::example().unwrap().plan
    };
    for lang in Lang::ALL {
        let page = page(&incident, &plan, lang);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        let docx = made(&incident, &plan, lang, DocumentFormat::Docx);
        let mut archive = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
        let mut document = String::new();
        archive
            .by_name("word/document.xml")
            .unwrap()
            .read_to_string(&mut document)
            .unwrap();
        assert!(!document.contains("<script") && document.contains("&lt;script&gt;"));
        let pdf = made(&incident, &plan, lang, DocumentFormat::Pdf);
        assert!(pdf.starts_with(b"%PDF-"));
        assert_eq!(
            pdf,
            made(&incident, &plan, lang, DocumentFormat::Pdf),
            "the same bytes"
        );
    }
}
