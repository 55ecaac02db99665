//! Akkoord against its floors, side by side in one run. `benches/run` calls this for each part and makes the table of
//! `docs/PERFORMANCE.md` from what it prints. One program, so that it is linked once:
//!
//! ```text
//! cargo bench --bench figures -- checks POSTGRES-URL SQLITE-URL PEOPLE RUNS
//! cargo bench --bench figures -- growth SMALL-DATABASE-URL DATABASE-URL FEW MANY
//! cargo bench --bench figures -- bulk DATABASE-URL PEOPLE RUNS
//! cargo bench --bench figures -- audit EMPTY-DATABASE-URL ENTRIES RUNS
//! ```

mod audit;
mod bulk;
mod checks;
mod growth;
mod house;

use house::Failure;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["checks", postgres, sqlite, people, runs] => {
            checks::bench(postgres, sqlite, people.parse()?, runs.parse()?)
        }
        ["growth", small, url, few, many] => growth::bench(small, url, few.parse()?, many.parse()?),
        ["bulk", url, people, runs] => bulk::bench(url, people.parse()?, runs.parse()?),
        ["audit", url, entries, runs] => audit::bench(url, entries.parse()?, runs.parse()?),
        // What this program starts itself, in processes of their own.
        ["fill", url, people] => house::filled(url, people.parse()?),
        ["serve", url, node, remember_mib] => {
            let faces = [akkoord::api::face(), checks::unauthenticated()];
            house::serve(url, node, remember_mib.parse()?, &faces)
        }
        ["bare"] => checks::bare(),
        ["client", addr, token, people] => bulk::client(addr, token, people.parse()?),
        // Run with the other benches and without a database, there is nothing to measure.
        _ => Ok(()),
    }
}
