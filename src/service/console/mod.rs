//! What officers look at in the console, beside what the other rooms answer anyway. Whatever is counted, is counted of
//! the libraries that the caller works for; whoever is looked up, is looked up with a reason that is recorded.

mod access;
mod campaigns;
mod desk;
mod figures;
pub(in crate::service) mod look;
mod notices;
mod scan;
mod sixteen;
mod systems;
mod today;

pub use self::access::{AccessLine, AskAccess};
pub use self::campaigns::Campaign;
pub use self::desk::DeskLine;
pub use self::figures::{AskFigures, Figures, LEAD_DAYS, Lead, Week};
pub(in crate::service) use self::look::KIND;
pub use self::look::{LONGEST_WHY, LookUp, LookedUp};
pub use self::notices::NoticesDue;
pub use self::scan::MOST_LINES;
pub use self::sixteen::{Sixteen, SixteenWeek};
pub use self::systems::{KeyAge, SystemDay, SystemLine, Systems, WebhookLine};
pub use self::today::{LogLine, Today};

/// The system that officers act through.
pub const SYSTEM: &str = "console";
