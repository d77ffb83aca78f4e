//! What is wrong, as GitHub's workflow commands: each becomes an annotation of the line in a pull request.
//!
//! Invariant: what a source holds can't end a command or begin another: line ends and the signs of the commands are escaped.

use crate::lang::{Report, ReportLabel, Severity};

use super::{Checked, Counts, human};

/// A command for each mistake, and the sum for who reads the log.
pub(super) fn annotations(checked: &[Checked], counts: &Counts) -> String {
    let mut text = String::new();
    for file in checked {
        if let Err(reason) = &file.result {
            text.push_str(&format!("::error file={},title=unreadable::{}\n", property(&file.path), data(reason)));
        }
        file.reports().iter().for_each(|report| text.push_str(&annotation(report)));
    }
    text + &human::summary(counts, false)
}

fn annotation(report: &Report) -> String {
    let level = match report.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = report.labels.first().map(place).unwrap_or_default();
    format!("::{level} {place}title={}::{}\n", property(&report.code), data(&message(report)))
}

/// The file and the lines; columns too where the place is within a line, since GitHub takes them there alone.
fn place(label: &ReportLabel) -> String {
    // GitHub knows files by their path from the root of the repository.
    let file = property(label.file.strip_prefix("./").unwrap_or(&label.file));
    let (line, end_line) = (label.line, label.end_line);
    if line == end_line {
        let (column, end_column) = (label.column, label.end_column);
        format!("file={file},line={line},col={column},endLine={end_line},endColumn={end_column},")
    } else {
        format!("file={file},line={line},endLine={end_line},")
    }
}

/// What is wrong, what is to be said of each place, and the way out.
fn message(report: &Report) -> String {
    let mut lines = vec![report.message.clone()];
    lines.extend(report.labels.first().filter(|label| !label.text.is_empty()).map(|label| label.text.clone()));
    let others = report.labels.iter().skip(1);
    lines.extend(others.map(|label| format!("{}:{}:{}: {}", label.file, label.line, label.column, label.text)));
    lines.extend(report.help.as_ref().map(|help| format!("help: {help}")));
    lines.join("\n")
}

/// Text as the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text as a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(file: &str, end_line: u32, text: &str) -> ReportLabel {
        ReportLabel { file: file.into(), line: 2, column: 3, end_line, end_column: 9, text: text.into() }
    }

    #[test]
    fn a_mistake_is_a_command_on_one_line_whatever_it_says() {
        let report = Report {
            code: "E0203".into(),
            severity: Severity::Error,
            message: "unknown field `a\n::error::b` of 100%".into(),
            labels: vec![label("a,b:c\r.flow", 2, "here"), label("x.flow", 2, "there")],
            help: Some("did you mean `c`?".into()),
            fix: None,
        };
        let wanted = "::error file=a%2Cb%3Ac%0D.flow,line=2,col=3,endLine=2,endColumn=9,title=E0203::\
            unknown field `a%0A::error::b` of 100%25%0Ahere%0Ax.flow:2:3: there%0Ahelp: did you mean `c`?\n";
        assert_eq!(annotation(&report), wanted);
    }

    #[test]
    fn a_place_over_several_lines_has_no_columns_and_a_warning_is_one() {
        let labels = vec![label("a.flow", 4, "")];
        let report = Report {
            code: "E0505".into(),
            severity: Severity::Warning,
            message: "m".into(),
            labels,
            help: None,
            fix: None,
        };
        assert_eq!(annotation(&report), "::warning file=a.flow,line=2,endLine=4,title=E0505::m\n");
    }
}
