//! Packing of data frames: as many items into one post as the bound allows.

/// Largest frame that is posted, in bytes; the platform bills and bounds by 32 KB.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const frame_bytes_max: usize = 30 * 1_024;

/// Room that a frame begins with: an item or two.
const FIRST_BYTES: usize = 512;

/// Packs rendered JSON items into JSON arrays, greedily and in order.
#[derive(Debug, Default)]
pub struct Packer {
    frame: String,
}

impl Packer {
    /// Adds an item; returns the frame that was full before it.
    ///
    /// An item larger than the bound travels alone.
    pub fn push(&mut self, write: impl FnOnce(&mut String)) -> Option<String> {
        let before = self.frame.len();
        if before == 0 {
            self.frame.reserve(FIRST_BYTES);
        }
        self.frame.push(if before == 0 { '[' } else { ',' });
        write(&mut self.frame);
        if before == 0 || self.frame.len() < frame_bytes_max {
            return None;
        }
        let mut next = String::with_capacity(self.frame.len() - before);
        next.push('[');
        next.push_str(&self.frame[before + 1..]);
        self.frame.truncate(before);
        self.frame.push(']');
        Some(std::mem::replace(&mut self.frame, next))
    }

    /// The last frame, if there is anything in it.
    pub fn finish(mut self) -> Option<String> {
        if self.frame.is_empty() {
            return None;
        }
        self.frame.push(']');
        Some(self.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_once_in_order_within_the_bound() {
        for size in [
            1,
            10,
            1_000,
            frame_bytes_max / 2,
            frame_bytes_max - 2,
            frame_bytes_max + 10,
        ] {
            let mut packer = Packer::default();
            let mut frames = Vec::new();
            for n in 0..40 {
                let item = format!("\"{n:0size$}\"");
                frames.extend(packer.push(|out| out.push_str(&item)));
            }
            frames.extend(packer.finish());
            let mut seen = Vec::new();
            for frame in &frames {
                let inner = frame.strip_prefix('[').unwrap().strip_suffix(']').unwrap();
                let items: Vec<&str> = inner.split(',').collect();
                assert!(
                    frame.len() <= frame_bytes_max || items.len() == 1,
                    "{} bytes",
                    frame.len()
                );
                seen.extend(items.iter().map(|i| i.trim_matches('"').parse::<u32>().unwrap()));
            }
            assert_eq!(seen, (0..40).collect::<Vec<_>>(), "items of {size} bytes");
        }
        assert_eq!(Packer::default().finish(), None);
    }
}
