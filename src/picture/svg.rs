//! As a picture that browsers show, light or dark as their users like it.

use std::fmt::Write;

use super::layout::{Layout, Point, Size, Way, layout};
use super::text::{columns, cut, xml};
use super::{Arrow, Card, End, Kind, Operator, Picture};

/// Of a letter; those of fonts of this kind are between 0.55 and 0.61 of their height.
const LETTER: f64 = 7.2;
const SMALL_LETTER: f64 = 6.6;
/// Of a line.
const LINE: f64 = 16.0;
/// Around the text of a card, and around everything.
const PADDING: f64 = 10.0;
const MARGIN: f64 = 20.0;
/// Columns of the longest line of a card; the rest is to be seen by pointing at it.
const COLUMNS: usize = 46;
const LEAST_COLUMNS: usize = 22;
/// Lines of parameters of an operator.
const FIELD_LINES: usize = 5;

/// How strongly all of the time shades a card: text must stay readable.
pub(super) const MOST_SHADE: f64 = 0.3;

pub(super) const STYLE: &str = "\
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:12px;fill:#1f2328;\
white-space:pre}
.small{font-size:11px}.muted{fill:#515a64}.name{font-weight:bold}
.paper{fill:#ffffff}.card{fill:#f6f8fa;stroke:#c4ccd4}.rule{stroke:#c4ccd4}
.share{fill:#e16f24}.source{fill:#1a7f37}.operator{fill:#0969da}.sink{fill:#8250df}
.arrow{fill:none;stroke:#818b98}.memory{stroke-dasharray:5 4}.tip{fill:#818b98}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.muted{fill:#adb5bd}
.paper{fill:#0d1117}.card{fill:#161b22;stroke:#3d444d}.rule{stroke:#3d444d}
.share{fill:#f0883e}.source{fill:#3fb950}.operator{fill:#4493f8}.sink{fill:#ab7df8}
.arrow{stroke:#747d88}.tip{fill:#747d88}}
";

impl Picture {
    /// A document of its own, with all text as text.
    pub(crate) fn to_svg(&self) -> String {
        let texts: Vec<CardText> = self.cards.iter().map(CardText::new).collect();
        let sizes: Vec<Size> = texts.iter().map(CardText::size).collect();
        let layout = layout(&sizes, &self.arrows);
        let top = MARGIN + LINE * self.title.len() as f64 + if self.title.is_empty() { 0.0 } else { LINE };
        let title = self.title.iter().map(|line| columns(line)).max().unwrap_or(0) as f64 * LETTER;
        let (width, height) = (layout.width.max(title) + 2.0 * MARGIN, layout.height + top + MARGIN);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\">\n<style>\n{STYLE}</style>\n\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
        );
        for (index, line) in self.title.iter().enumerate() {
            let class = if index == 0 { "name" } else { "muted" };
            text(&mut svg, Point { x: MARGIN, y: MARGIN + LINE * (index as f64 + 0.75) }, class, line);
        }
        let left = MARGIN + (width - 2.0 * MARGIN - layout.width) / 2.0;
        push(&mut svg, format_args!("<g transform=\"translate({left:.1} {top:.1})\">\n"));
        draw(&mut svg, self, &texts, &sizes, &layout);
        svg.push_str("</g>\n</svg>\n");
        svg
    }
}

fn draw(svg: &mut String, picture: &Picture, texts: &[CardText], sizes: &[Size], layout: &Layout) {
    for (arrow, way) in picture.arrows.iter().zip(&layout.arrows) {
        draw_arrow(svg, arrow, way);
    }
    for (index, (((card, text), size), at)) in picture.cards.iter().zip(texts).zip(sizes).zip(&layout.cards).enumerate()
    {
        text.draw(svg, index, card, size, *at);
    }
    // Labels stand on the lines.
    for (arrow, way) in picture.arrows.iter().zip(&layout.arrows) {
        draw_label(svg, arrow, way);
    }
}

/// Writing to a string cannot fail.
fn push(svg: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = svg.write_fmt(arguments);
}

fn text(svg: &mut String, at: Point, class: &str, text: &str) {
    push(svg, format_args!("<text x=\"{:.1}\" y=\"{:.1}\" class=\"{class}\">{}</text>\n", at.x, at.y, xml(text)));
}

/// The lines of a card.
struct CardText {
    /// From the top: the last operator first.
    operators: Vec<OperatorText>,
    notes: Vec<String>,
    columns: usize,
}

struct OperatorText {
    /// Which operator it is.
    level: usize,
    /// Keys and values; several in a line if they are short.
    fields: Vec<Vec<(String, String)>>,
    figures: String,
}

impl CardText {
    fn new(card: &Card) -> Self {
        let operators: Vec<OperatorText> = card
            .operators
            .iter()
            .enumerate()
            .rev()
            .map(|(level, operator)| OperatorText::new(level, operator))
            .collect();
        let notes: Vec<String> = card.notes.iter().map(|note| cut(note, COLUMNS)).collect();
        let mut widest = notes.iter().map(|note| columns(note)).max().unwrap_or(0);
        for operator in &operators {
            // With the number of the card, and room beside the remark.
            let head = card
                .operators
                .get(operator.level)
                .map_or(0, |operator| columns(&operator.name) + columns(&operator.remark) + 8);
            let fields = operator.fields.iter().map(|line| line_columns(line));
            widest = fields.fold(widest, usize::max).max(head).max(columns(&operator.figures));
        }
        Self { operators, notes, columns: widest.clamp(LEAST_COLUMNS, COLUMNS + 8) }
    }

    fn size(&self) -> Size {
        let mut operators = vec![0.0; self.operators.len()];
        let mut y = 0.0;
        for operator in &self.operators {
            operators[operator.level] = y + PADDING + LINE / 2.0;
            y += operator.height();
        }
        let notes = if self.notes.is_empty() { 0.0 } else { LINE * self.notes.len() as f64 + PADDING };
        Size { width: self.columns as f64 * LETTER + 2.0 * PADDING, height: y + notes, operators }
    }

    fn draw(&self, svg: &mut String, index: usize, card: &Card, size: &Size, at: Point) {
        let (x, y, width, height) = (at.x, at.y, size.width, size.height);
        let kind = match card.kind {
            Kind::Source => "source",
            Kind::Operator => "operator",
            Kind::Sink => "sink",
        };
        push(svg, format_args!("<g id=\"node{index}\">\n"));
        let frame = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\"");
        push(svg, format_args!("<rect class=\"card\" {frame}/>\n"));
        if card.share > 0.0 {
            let opacity = MOST_SHADE * card.share.min(1.0);
            push(svg, format_args!("<rect class=\"share\" {frame} fill-opacity=\"{opacity:.3}\"/>\n"));
        }
        push(
            svg,
            format_args!(
                "<rect class=\"{kind}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"4\" height=\"{height:.1}\" rx=\"2\"/>\n"
            ),
        );
        let mut top = y;
        for operator in &self.operators {
            if let Some(shown) = card.operators.get(operator.level) {
                let number = if operator.level == 0 { index.to_string() } else { String::new() };
                if top > y {
                    rule(svg, x + 4.0, top, width - 4.0);
                }
                operator.draw(svg, shown, &number, Point { x, y: top }, width);
            }
            top += operator.height();
        }
        if !self.notes.is_empty() {
            rule(svg, x + 4.0, top, width - 4.0);
        }
        for (line, note) in self.notes.iter().enumerate() {
            let y = top + PADDING / 2.0 + LINE * (line as f64 + 0.8);
            text(svg, Point { x: x + PADDING + 2.0, y }, "small muted", note);
        }
        svg.push_str("</g>\n");
    }
}

fn rule(svg: &mut String, x: f64, y: f64, width: f64) {
    push(
        svg,
        format_args!("<line class=\"rule\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\n", x + width),
    );
}

impl OperatorText {
    fn new(level: usize, operator: &Operator) -> Self {
        let mut fields: Vec<Vec<(String, String)>> = Vec::with_capacity(FIELD_LINES);
        for (index, (key, value)) in operator.fields.iter().enumerate() {
            let key = cut(key, COLUMNS / 2);
            let value = cut(value, COLUMNS - columns(&key) - 1);
            let field = (key, value);
            let lines = fields.len();
            match fields.last_mut() {
                Some(line) if line_columns(line) + 2 + line_columns(std::slice::from_ref(&field)) <= COLUMNS => {
                    line.push(field);
                },
                _ if lines < FIELD_LINES => fields.push(vec![field]),
                _ => {
                    fields.push(vec![(format!("… {} more", operator.fields.len() - index), String::new())]);
                    break;
                },
            }
        }
        Self { level, fields, figures: cut(&operator.figures, COLUMNS) }
    }

    fn lines(&self) -> usize {
        1 + self.fields.len() + usize::from(!self.figures.is_empty())
    }

    fn height(&self) -> f64 {
        LINE * self.lines() as f64 + 2.0 * PADDING - 4.0
    }

    /// `at`: the upper left corner.
    fn draw(&self, svg: &mut String, operator: &Operator, number: &str, at: Point, width: f64) {
        push(svg, format_args!("<g><title>{}</title>\n", xml(&operator.details())));
        let (x, height) = (at.x + PADDING + 2.0, self.height());
        // All of it can be pointed at.
        push(
            svg,
            format_args!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill-opacity=\"0\"/>\n",
                at.x, at.y
            ),
        );
        if operator.share > 0.0 {
            let length = (width - 4.0) * operator.share.min(1.0);
            push(
                svg,
                format_args!(
                    "<rect class=\"share\" x=\"{:.1}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"3\"/>\n",
                    at.x + 4.0,
                    at.y + height - 4.0
                ),
            );
        }
        let mut y = at.y + PADDING + LINE * 0.6;
        let name = cut(&operator.name, COLUMNS - 12);
        push(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\"><tspan class=\"name\">{}</tspan>", xml(&name)));
        if !number.is_empty() {
            push(svg, format_args!("<tspan class=\"small muted\" dx=\"{LETTER}\">#{number}</tspan>"));
        }
        svg.push_str("</text>\n");
        push(
            svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{y:.1}\" class=\"small\" text-anchor=\"end\">{}</text>\n",
                at.x + width - PADDING,
                xml(&operator.remark)
            ),
        );
        for line in &self.fields {
            y += LINE;
            push(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"small\">"));
            for (index, (key, value)) in line.iter().enumerate() {
                let space = if index > 0 { SMALL_LETTER * 2.0 } else { 0.0 };
                push(
                    svg,
                    format_args!(
                        "<tspan class=\"muted\" dx=\"{space:.1}\">{}</tspan><tspan dx=\"{SMALL_LETTER}\">{}</tspan>",
                        xml(key),
                        xml(value)
                    ),
                );
            }
            svg.push_str("</text>\n");
        }
        if !self.figures.is_empty() {
            text(svg, Point { x, y: y + LINE }, "small", &self.figures);
        }
        svg.push_str("</g>\n");
    }
}

fn line_columns(fields: &[(String, String)]) -> usize {
    let field = |(key, value): &(String, String)| columns(key) + columns(value) + 1;
    fields.iter().map(field).sum::<usize>() + 2 * fields.len().saturating_sub(1)
}

fn draw_arrow(svg: &mut String, arrow: &Arrow, way: &Way) {
    let mut path = format!("M{:.1} {:.1}", way.start.x, way.start.y);
    for (from, to) in &way.bends {
        let middle = (from.y + to.y) / 2.0;
        push(&mut path, format_args!("V{:.1}", from.y));
        if (from.x - to.x).abs() < 0.5 {
            push(&mut path, format_args!("L{:.1} {:.1}", to.x, to.y));
        } else {
            push(&mut path, format_args!("C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {:.1}", from.x, to.x, to.x, to.y));
        }
    }
    let thick = 1.2 + 4.0 * arrow.weight.clamp(0.0, 1.0).sqrt();
    let half = 3.5 + thick / 2.0;
    let (class, tip) = match arrow.end {
        End::Input(_) => {
            push(&mut path, format_args!("V{:.1}", way.end.y + 6.0));
            ("arrow", format!("l-{half:.1} 9h{:.1}z", 2.0 * half))
        },
        End::Memory(_) => {
            push(&mut path, format_args!("V{:.1}H{:.1}", way.end.y, way.end.x + 6.0));
            ("arrow memory", format!("l9 -{half:.1}v{:.1}z", 2.0 * half))
        },
    };
    push(
        svg,
        format_args!(
            "<g id=\"edge{}-{}-{}\"><title>{}</title>\n<path class=\"{class}\" stroke-width=\"{thick:.1}\" d=\"{path}\"/>\n\
         <path class=\"tip\" d=\"M{:.1} {:.1}{tip}\"/></g>\n",
            arrow.from,
            arrow.to,
            match arrow.end {
                End::Input(input) => format!("input{input}"),
                End::Memory(operator) => format!("operator{operator}"),
            },
            xml(&arrow.details),
            way.end.x,
            way.end.y,
        ),
    );
}

/// A line of a label in so many columns. Of `figures` as many stay as fit: one without its middle is another.
pub(super) fn fit(line: &str, most: usize, figures: bool) -> String {
    if !figures || columns(line) <= most {
        return cut(line, most);
    }
    let parts = line.match_indices(", ").filter_map(|(end, _)| line.get(..end));
    parts.filter(|part| columns(part) <= most).last().unwrap_or("…").to_string()
}

fn draw_label(svg: &mut String, arrow: &Arrow, way: &Way) {
    let most = (way.room / SMALL_LETTER) as usize;
    let label: Vec<String> = arrow.label.iter().enumerate().map(|(index, line)| fit(line, most, index > 0)).collect();
    let width = label.iter().map(|line| columns(line)).max().unwrap_or(0) as f64 * SMALL_LETTER;
    let height = 14.0 * label.len() as f64;
    let bottom = way.start.y - 8.0;
    push(svg, format_args!("<g><title>{}</title>\n", xml(&arrow.details)));
    push(
        svg,
        format_args!(
            "<rect class=\"paper\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>\n",
            way.start.x - width / 2.0 - 2.0,
            bottom - height + 2.0,
            width + 4.0,
        ),
    );
    for (line, part) in label.iter().rev().enumerate() {
        push(
            svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" class=\"small muted\" text-anchor=\"middle\">{}</text>\n",
                way.start.x,
                bottom - 14.0 * line as f64 - 1.0,
                xml(part),
            ),
        );
    }
    svg.push_str("</g>\n");
}
