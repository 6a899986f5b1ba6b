use watchpost_model::PixelFormat;

use super::*;

fn flat(format: PixelFormat, width: u32, height: u32) -> Image {
    let size = Size { width, height };
    let count = match format {
        PixelFormat::I420 => 3,
        PixelFormat::Nv12 => 2,
        PixelFormat::Gray8 => 1,
    };
    let planes = (0..count).map(|index| {
        let (rows, row_bytes) = plane_extent(format, size, index);
        let stride = row_bytes + 5;
        let fill = if index == 0 { 90 } else { 128 };
        Plane::new(Arc::new(vec![fill; stride * rows]), 0, stride, rows, row_bytes).unwrap()
    });
    Image { format, size, planes: planes.collect() }
}

fn full_overlay() -> Overlay {
    let color = Color::new(255, 0, 0);
    let corners = [(0.1, 0.1), (0.9, -0.2), (0.5, 1.4)].map(|(x, y)| Point::new(x, y));
    Overlay {
        masks: vec![vec![Point::new(0.2, 0.2), Point::new(0.4, 0.2), Point::new(0.3, 2.0)]],
        areas: vec![OverlayArea { vertices: corners.to_vec(), color, label: "Yard".into(), active: true }],
        lines: vec![OverlayLine {
            vertices: [Point::new(-3.0, f32::NAN), Point::new(0.7, 0.6)],
            color,
            label: "Gate".into(),
            active: false,
        }],
        boxes: vec![OverlayBox {
            framed: true,
            rect: Rect::new(0.8, 0.9, 0.5, 0.5),
            color,
            label: "Person".into(),
            trail: corners.to_vec(),
        }],
        flashes: vec![Flash {
            rect: Rect::new(f32::INFINITY, -9.0, 0.0, f32::NAN),
            color,
            label: "x".into(),
        }],
        timestamp: "2026-07-01 12:00:00".into(),
    }
}

#[test]
fn a_box_has_its_colour_and_leaves_the_rest() {
    for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Gray8] {
        let image = flat(format, 200, 100);
        let boxes = vec![OverlayBox {
            framed: true,
            rect: Rect::new(0.25, 0.2, 0.5, 0.6),
            color: Color::new(255, 0, 0),
            label: String::new(),
            trail: Vec::new(),
        }];
        let drawn = Renderer::new().draw(&image, &Overlay { boxes, ..Overlay::default() });
        let luma = |x: usize, y: usize| drawn.luma().row(y, 200)[x];
        // Red is 81, 90, 240 in BT.601, video range.
        assert_eq!([luma(50, 20), luma(149, 79), luma(100, 21)], [81; 3], "{format:?}");
        assert_eq!([luma(49, 20), luma(150, 79), luma(100, 50), luma(100, 22)], [90; 4], "{format:?}");
        match format {
            PixelFormat::I420 => {
                assert_eq!((drawn.planes[1].row(10, 100)[25], drawn.planes[2].row(10, 100)[25]), (90, 240));
                assert_eq!(drawn.planes[2].row(25, 100)[50], 128);
            }
            PixelFormat::Nv12 => assert_eq!(drawn.planes[1].row(10, 200)[50..52], [90, 240]),
            PixelFormat::Gray8 => assert_eq!(drawn.planes.len(), 1),
        }
        assert_eq!(image.luma().row(20, 200)[50], 90, "the original stays");
    }
}

#[test]
fn anything_can_be_drawn_on_any_size() {
    let overlay = full_overlay();
    let mut renderer = Renderer::new();
    for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Gray8] {
        for (width, height) in [(1, 1), (2, 3), (17, 9), (321, 241), (1280, 720)] {
            let drawn = renderer.draw(&flat(format, width, height), &overlay);
            assert_eq!((drawn.size.width, drawn.planes.len()), (width, flat(format, 1, 1).planes.len()));
        }
    }
}

#[test]
fn buffers_are_used_again() {
    let image = flat(PixelFormat::I420, 64, 64);
    let mut renderer = Renderer::new();
    let address = |image: &Image| image.luma().bytes().as_ptr();
    let first = renderer.draw(&image, &Overlay::default());
    let place = address(&first);
    let second = renderer.draw(&image, &Overlay::default());
    assert_ne!(address(&second), place);
    drop(first);
    assert_eq!(address(&renderer.draw(&image, &Overlay::default())), place);
}
