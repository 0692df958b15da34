//! Prose as HTML: every text is escaped, and only elements of prose occur.

use std::fmt::{self, Display, Formatter};

use minijinja::HtmlEscape;

use crate::prose::{Block, Inline, Side};

/// Blocks to write as HTML.
#[derive(Clone, Copy, Debug)]
pub struct Html<'p>(pub &'p [Block]);

impl Display for Html<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for block in self.0 {
            match block {
                Block::Heading { level, parts } => {
                    writeln!(f, "<h{level}>{}</h{level}>", Line(parts))?
                }
                Block::Paragraph { parts } => writeln!(f, "<p>{}</p>", Line(parts))?,
                Block::Bullets { items } => writeln!(f, "<ul>{}</ul>", Items(items))?,
                Block::Numbers { start: 1, items } => writeln!(f, "<ol>{}</ol>", Items(items))?,
                Block::Numbers { start, items } => {
                    writeln!(f, "<ol start=\"{start}\">{}</ol>", Items(items))?
                }
                Block::Quote { blocks } => {
                    writeln!(f, "<blockquote>\n{}</blockquote>", Html(blocks))?
                }
                Block::Table { alignments, header, rows } => table(f, alignments, header, rows)?,
                Block::Rule => f.write_str("<hr>\n")?,
            }
        }
        Ok(())
    }
}

/// The items of a list.
struct Items<'p>(&'p [Vec<Block>]);

impl Display for Items<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for item in self.0 {
            match item.split_first() {
                // A tight list has no paragraphs around its items.
                Some((Block::Paragraph { parts }, rest)) => write!(f, "\n<li>{}", Line(parts))
                    .and_then(|()| write!(f, "{}</li>", Html(rest)))?,
                _ => write!(f, "\n<li>{}</li>", Html(item))?,
            }
        }
        f.write_str("\n")
    }
}

fn table(
    f: &mut Formatter<'_>,
    alignments: &[Side],
    header: &[Vec<Inline>],
    rows: &[Vec<Vec<Inline>>],
) -> fmt::Result {
    let class = |position: usize| match alignments.get(position) {
        Some(Side::Center) => " class=\"center\"",
        Some(Side::Right) => " class=\"right\"",
        Some(Side::Left) | None => "",
    };
    f.write_str("<table>\n<thead>\n<tr>")?;
    for (position, cell) in header.iter().enumerate() {
        write!(f, "<th scope=\"col\"{}>{}</th>", class(position), Line(cell))?;
    }
    f.write_str("</tr>\n</thead>\n<tbody>\n")?;
    for row in rows {
        f.write_str("<tr>")?;
        for (position, cell) in row.iter().enumerate() {
            write!(f, "<td{}>{}</td>", class(position), Line(cell))?;
        }
        f.write_str("</tr>\n")?;
    }
    f.write_str("</tbody>\n</table>\n")
}

/// The parts of a line.
struct Line<'p>(&'p [Inline]);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for part in self.0 {
            match part {
                Inline::Text { text } => HtmlEscape(text).fmt(f)?,
                Inline::Emphasis { parts } => write!(f, "<em>{}</em>", Line(parts))?,
                Inline::Strong { parts } => write!(f, "<strong>{}</strong>", Line(parts))?,
                Inline::Link { to, parts } => write!(
                    f,
                    "<a href=\"{}\" rel=\"nofollow noopener noreferrer\">{}</a>",
                    HtmlEscape(to),
                    Line(parts)
                )?,
                Inline::Break => f.write_str("<br>")?,
            }
        }
        Ok(())
    }
}
