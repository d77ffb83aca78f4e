//! A picture in the notation of Mermaid, which GitHub and many editors draw.
//!
//! Invariant: labels stand in quotes, and every sign that means something there is written as an entity.

use super::{Arrow, Figure, Graph, Item, Shape};

/// What the boxes that stand out look like.
const CLASSES: &str = "  classDef failure stroke:#c33\n  classDef undo stroke-dasharray:4\n";

/// Writes the picture.
pub(super) fn write(graph: &Graph) -> String {
    // The title is YAML, in which a text in quotes is written as in JSON.
    let mut out = format!("---\ntitle: {}\n---\nflowchart TD\n", serde_json::Value::from(&*graph.title));
    items(&mut out, &graph.items, 1);
    graph.arrows.iter().for_each(|arrow| out.push_str(&line_of(arrow)));
    out + CLASSES
}

fn items(out: &mut String, drawn: &[Item], depth: usize) {
    let indent = "  ".repeat(depth);
    for item in drawn {
        match item {
            Item::Figure(figure) => out.push_str(&format!("{indent}{}\n", figure_of(figure))),
            Item::Frame { id, title, items: inner } => {
                out.push_str(&format!("{indent}subgraph f{id} [\"{}\"]\n", escaped(title)));
                items(out, inner, depth + 1);
                out.push_str(&format!("{indent}end\n"));
            }
        }
    }
}

fn figure_of(figure: &Figure) -> String {
    let lines: Vec<String> = figure.lines.iter().map(|line| escaped(line)).collect();
    let text = lines.join("<br>");
    let (open, close) = match figure.shape {
        Shape::Terminal | Shape::Return => ("([", "])"),
        Shape::Step => ("[", "]"),
        Shape::Child => ("[[", "]]"),
        Shape::Value => ("[/", "/]"),
        Shape::Decision => ("{", "}"),
        Shape::Wait => ("{{", "}}"),
        Shape::Failure => ("([", "]):::failure"),
        Shape::Undo => ("[", "]:::undo"),
        Shape::Point => return format!("n{}((\" \"))", figure.id),
    };
    format!("n{}{open}\"{text}\"{close}", figure.id)
}

fn line_of(arrow: &Arrow) -> String {
    let line = if arrow.dashed { "-.->" } else { "-->" };
    let label = if arrow.label.is_empty() { String::new() } else { format!("|\"{}\"|", escaped(&arrow.label)) };
    format!("  n{} {line}{label} n{}\n", arrow.from, arrow.to)
}

/// Text within quotes. Letters, digits and what means nothing to Mermaid, Markdown or HTML stand as they are.
fn escaped(text: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || " .,:=+-_/?()[]{}|'…!".contains(char);
    let entity = |char: char| format!("#{};", u32::from(char));
    text.chars().map(|char| if plain(char) { char.to_string() } else { entity(char) }).collect()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_text_ends_its_label() {
        assert_eq!(escaped("a < \"b\""), "a #60; #34;b#34;");
        assert_eq!(escaped("`x` #35; *y*\n"), "#96;x#96; #35;35#59; #42;y#42;#10;");
        assert_eq!(escaped("[é] {1} (2) 'q'"), "[é] {1} (2) 'q'");
    }
}
