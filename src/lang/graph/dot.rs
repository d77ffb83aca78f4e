//! A picture in the notation of Graphviz.
//!
//! Invariant: names and labels stand in quotes, with `"` and `\` escaped.

use super::{Arrow, Figure, Graph, Item, Shape};

/// How everything looks that does not say otherwise.
const LOOKS: [&str; 3] = [
    r#"graph [fontname="Helvetica", labeljust=l, style=rounded]"#,
    r#"node [fontname="Helvetica", shape=box, style=rounded]"#,
    r#"edge [fontname="Helvetica", fontsize=10]"#,
];

/// Writes the picture.
pub(super) fn write(graph: &Graph) -> String {
    let mut out = format!("digraph \"{}\" {{\n", escaped(&graph.title));
    LOOKS.iter().for_each(|looks| out.push_str(&format!("  {looks}\n")));
    items(&mut out, &graph.items, 1);
    graph.arrows.iter().for_each(|arrow| out.push_str(&line_of(arrow)));
    out + "}\n"
}

fn items(out: &mut String, drawn: &[Item], depth: usize) {
    let indent = "  ".repeat(depth);
    for item in drawn {
        match item {
            Item::Figure(figure) => out.push_str(&format!("{indent}{}\n", figure_of(figure))),
            Item::Frame { id, title, items: inner } => {
                // Graphviz frames the subgraphs whose name begins so.
                out.push_str(&format!("{indent}subgraph cluster_{id} {{\n{indent}  label=\"{}\"\n", escaped(title)));
                items(out, inner, depth + 1);
                out.push_str(&format!("{indent}}}\n"));
            }
        }
    }
}

fn figure_of(figure: &Figure) -> String {
    let looks = match figure.shape {
        Shape::Terminal | Shape::Return => ", shape=oval, style=solid",
        Shape::Step => "",
        Shape::Child => ", shape=component, style=solid",
        Shape::Undo => ", style=\"rounded,dashed\"",
        Shape::Value => ", shape=plaintext",
        Shape::Decision => ", shape=diamond, style=solid",
        Shape::Wait => ", shape=hexagon, style=solid",
        Shape::Failure => ", shape=oval, style=solid, color=\"#cc3333\"",
        Shape::Point => ", shape=point",
    };
    let lines: Vec<String> = figure.lines.iter().map(|line| escaped(line)).collect();
    format!("n{} [label=\"{}\"{looks}]", figure.id, lines.join("\\n"))
}

fn line_of(arrow: &Arrow) -> String {
    let mut looks = Vec::new();
    if !arrow.label.is_empty() {
        looks.push(format!("label=\"{}\"", escaped(&arrow.label)));
    }
    if arrow.dashed {
        looks.push("style=dashed".to_owned());
    }
    let looks = if looks.is_empty() { String::new() } else { format!(" [{}]", looks.join(", ")) };
    format!("  n{} -> n{}{looks}\n", arrow.from, arrow.to)
}

/// Text within quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_text_ends_its_label() {
        assert_eq!(escaped(r#"a "b" \n \"#), r#"a \"b\" \\n \\"#);
    }
}
