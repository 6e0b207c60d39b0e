//! The report as JUnit: one case per threshold.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, ReportVerdict};

pub(super) fn document(report: &Report) -> String {
    let took = Duration::try_from_secs_f64(report.duration_s).unwrap_or_default();
    let mut suite = TestSuite::new(report.name.as_str());
    suite.set_time(took);
    for judged in &report.thresholds {
        let status = if judged.ok {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(judged.sentence());
            status
        };
        add_case(&judged.name, status, &mut suite);
    }
    if report.verdict == ReportVerdict::CutOff {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message("the run was ended at once: its thresholds are about a part of it");
        add_case("ended_in_order", status, &mut suite);
    }
    let remarks = report.remarks();
    if !remarks.is_empty() {
        suite.set_system_err(remarks.join("\n"));
    }
    let mut document = quick_junit::Report::new("dynamo simulator");
    document.set_time(took);
    document.add_test_suite(suite);
    document
        .to_string()
        .expect("names and sentences hold nothing that XML cannot")
}

fn add_case(name: &str, status: TestCaseStatus, suite: &mut TestSuite) {
    let mut case = TestCase::new(name, status);
    case.set_classname("dynamo.simulator");
    suite.add_test_case(case);
}
