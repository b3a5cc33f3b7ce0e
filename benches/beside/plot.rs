//! Draws how the processor time for a request grows, as an SVG.

use crate::finding::Finding;
use crate::report::{Heading, Measured, grouped};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;

/// The size of the drawing, in pixels.
const SIZE: (u32, u32) = (960, 400);

/// What is drawn: the row, and what stands below its axis.
const PANELS: [(&str, &str); 2] = [
    ("growth-clients", "clients, 1 request in flight each"),
    (
        "growth-keys",
        "keys, 50 clients, 16 requests in flight each",
    ),
];

const OURS: RGBColor = RGBColor(0, 90, 181);
const THEIRS: RGBColor = RGBColor(220, 50, 32);

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the rows of growth, side by side; nothing if one of them was not measured.
///
/// # Errors
///
/// Says what cannot be drawn.
pub(crate) fn draw(heading: &Heading, rows: &[Measured]) -> Result<Option<String>, String> {
    let findings = |name: &str| {
        let row = rows.iter().find(|row| row.name == name)?;
        row.outcome.as_ref().ok()
    };
    let found: Option<Vec<_>> = PANELS.iter().map(|(name, _)| findings(name)).collect();
    let Some(found) = found else {
        return Ok(None);
    };
    let mut svg = String::new();
    let failed = |error: &dyn std::fmt::Display| format!("the plot: {error}");
    {
        let all = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        all.fill(&WHITE).map_err(|error| failed(&error))?;
        let title = format!("CPU time for a GET, {}, {}", heading.date, heading.machine);
        let rest = all.titled(&title, ("sans-serif", 16));
        let rest = rest.map_err(|error| failed(&error))?;
        for ((panel, (_, axis)), findings) in
            rest.split_evenly((1, 2)).iter().zip(PANELS).zip(found)
        {
            chart(panel, axis, findings).map_err(|error| failed(&error))?;
        }
        all.present().map_err(|error| failed(&error))?;
    }
    Ok(Some(svg))
}

fn chart(
    panel: &Panel,
    axis: &str,
    findings: &[Finding],
) -> Result<(), Box<dyn std::error::Error>> {
    let at = |finding: &Finding| finding.at.unwrap_or_default() as f64;
    let ours: Vec<_> = findings.iter().map(|f| (at(f), f.ours())).collect();
    let theirs: Vec<_> = findings.iter().map(|f| (at(f), f.theirs())).collect();
    let beside = findings.first().map_or("", |finding| &finding.beside);
    let (x, y) = ranges(ours.iter().chain(&theirs));
    let mut chart = ChartBuilder::on(panel)
        .margin(12)
        .margin_right(28)
        .x_label_area_size(40)
        .y_label_area_size(48)
        .build_cartesian_2d(x.log_scale(), y)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(8)
        .x_label_formatter(&|x| grouped(&format!("{x:.0}")))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .x_desc(axis)
        .y_desc("microseconds a request")
        .draw()?;
    for (name, points, colour) in [("kvmsgd", ours, OURS), (beside, theirs, THEIRS)] {
        let line = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
        let key = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2));
        chart.draw_series(line)?.label(name).legend(key);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .draw()?;
    Ok(())
}

/// What both axes show: all of the sizes, and the costs from nothing up.
fn ranges<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> (Range<f64>, Range<f64>) {
    let (mut low, mut high, mut top) = (f64::MAX, 1.0_f64, 0.0_f64);
    for (x, y) in points {
        (low, high, top) = (low.min(*x), high.max(*x), top.max(*y));
    }
    (low * 0.8..high * 1.25, 0.0..top * 1.35)
}
