//! Commands beside a running server, and their exit codes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use plumbline_config::finding::Status;
use reqwest::StatusCode;

use crate::host::Host;
use crate::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn reading_commands_answer_beside_the_server() {
    let lab = Lab::start().await;
    assert_eq!(lab.run(&["findings"]).status.code(), Some(0), "nothing fails yet");
    let host = Host::enrol(&lab).await;
    assert_eq!(
        host.post(&lab, host.first(Status::Fail)).await.status(),
        StatusCode::OK
    );
    assert_eq!(lab.json(&["hosts"])["hosts"][0]["id"], host.id().as_str());
    let output = lab.run(&["findings", "--status", "fail"]);
    assert_eq!(output.status.code(), Some(1), "something fails");
    assert!(String::from_utf8_lossy(&output.stdout).contains("tcp/[::]:443"));
    assert_eq!(lab.run(&["findings", "--status", "pass"]).status.code(), Some(0));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_done_is_one_sentence_and_exit_code_2() {
    let lab = Lab::start().await;
    let nowhere = lab.path("no/such/plan.toml");
    for arguments in [
        &["init"] as &[&str],
        &["revoke", "h-none"],
        &["apitoken", "revoke", "t-none"],
        &["token", "create", "--role", "service", "--uses", "0"],
        &["plan", "publish", nowhere.to_str().unwrap()],
    ] {
        let output = lab.run(arguments);
        let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {sentence}");
        assert_eq!(sentence.trim_end().lines().count(), 1, "{sentence}");
        assert!(output.stdout.is_empty());
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_data_directory_is_for_others() {
    fn walk(path: &Path) {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        if path.is_dir() {
            std::fs::read_dir(path)
                .unwrap()
                .for_each(|entry| walk(&entry.unwrap().path()));
        }
    }
    let lab = Lab::start().await;
    lab.json(&["token", "create", "--role", "service"]);
    walk(&lab.path(""));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_that_are_wrong_are_counted_anew_beside_the_server() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    assert_eq!(
        host.post(&lab, host.first(Status::Fail)).await.status(),
        StatusCode::OK
    );
    let right = lab.json(&["checklist"])["items"].clone();
    assert!(!right.is_null());
    // As another catalogue leaves them.
    let wrong = lab
        .database()
        .execute(
            "UPDATE totals SET number = number + 3 WHERE counted LIKE 'line/%'",
            [],
        )
        .unwrap();
    assert!(wrong > 0);
    assert_ne!(lab.json(&["checklist"])["items"], right);
    let counted = lab.json(&["store", "recount"]);
    assert_eq!(counted["hosts"], 1);
    assert_eq!(counted["corrected"], wrong);
    assert_eq!(lab.json(&["checklist"])["items"], right);
    assert_eq!(lab.json(&["store", "recount"])["corrected"], 0);
    assert_eq!(lab.run(&["store", "recount"]).status.code(), Some(0));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_document_is_that_of_a_file_or_of_the_published_plan() {
    let lab = Lab::start().await;
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/plan.example.toml");
    let example = example.to_str().unwrap();
    assert_eq!(lab.run(&["plan", "publish", example]).status.code(), Some(0));
    let published = lab.run(&["plan", "render"]);
    let page = String::from_utf8(published.stdout).unwrap();
    assert!(page.contains("晴川資訊股份有限公司") && page.trim_end().ends_with("</html>"));
    let of_file = lab.run(&["plan", "render", example, "--format", "html"]);
    assert_eq!(String::from_utf8(of_file.stdout).unwrap(), page);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.docx");
    let output = lab.run(&["plan", "render", "-o", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(std::fs::read(&file).unwrap().starts_with(b"PK"));
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let output = lab.run(&["plan", "render", "--format", "odt"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("use html, pdf or docx"));
    lab.stop().await;
}
