//! A PostgreSQL cluster that belongs to the tests: in a temporary directory, reachable over a socket in that directory
//! only, and gone when the test process ends, however it ends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// A handle on a running cluster; clones are the same cluster. A private cluster ends with its last handle.
#[derive(Debug, Clone)]
pub struct Postgres(Arc<Cluster>);

/// A database of its own for one test, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    cluster: Postgres,
}

#[derive(Debug)]
struct Cluster {
    directory: PathBuf,
    programs: PathBuf,
    supervisor: Mutex<Supervisor>,
    template: OnceLock<String>,
    databases: AtomicUsize,
}

/// The shell that owns the server. It obeys the lines it reads, and when it reads the end, which the kernel sends even
/// when the tests are killed, it stops the server and removes the directory.
#[derive(Debug)]
struct Supervisor {
    process: Child,
    /// Only taken when the cluster ends.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

const SUPERVISOR: &str = r#"
programs=$1 options=$2
trap '' PIPE # the tests may be killed while an answer is on its way; the cleaning must still happen
# In /tmp itself: a socket's path may have at most 107 bytes.
directory=$(mktemp -d /tmp/akkoord-pg-XXXXXXXX) || exit 1
data=$directory/data
options="$options -c unix_socket_directories=$directory"
echo "$directory"
initialise() {
    "$programs/initdb" -D "$data" -U postgres -A trust --no-sync --no-locale -E UTF8 --no-instructions
}
start() {
    tries=0
    # After a kill -9 the old server's last process may still hold the shared memory.
    until "$programs/pg_ctl" -D "$data" -l "$directory/server.log" -o "$options" -w -t 60 start; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || return 1
        sleep 0.2
    done
}
stop() {
    "$programs/pg_ctl" -D "$data" -m fast -w -t 60 stop
}
crash() {
    postmaster=$(head -n 1 "$data/postmaster.pid") || return 1
    kill -STOP "$postmaster" # no new children while they are counted
    kill -KILL $(cat "/proc/$postmaster/task/$postmaster/children") "$postmaster" || return 1
    rm -f "$data/postmaster.pid" "$directory"/.s.PGSQL.*
}
while read -r order; do
    if "$order" >>"$directory/supervisor.log" 2>&1 </dev/null; then echo done; else echo failed; fi
done
"$programs/pg_ctl" -D "$data" -m immediate -w -t 60 stop >/dev/null 2>&1 </dev/null
rm -rf "$directory"
"#;

const PORT: &str = "5432";

/// `fsync` is off and full pages are not written: safe against a killed server, not against a failing machine.
const FAST: &str = "-F -c full_page_writes=off";

impl Postgres {
    /// The cluster all tests of this process share; started when first asked for.
    pub fn shared() -> Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Postgres::private).clone()
    }

    /// A cluster of one's own, to stop, kill and start.
    pub fn private() -> Postgres {
        Postgres::launch(FAST)
    }

    /// A cluster of one's own that writes as carefully as in production: `fsync` and full pages on.
    pub fn durable() -> Postgres {
        Postgres::launch("")
    }

    fn launch(options: &str) -> Postgres {
        let programs = programs();
        let options = format!(
            "{options} -p {PORT} -c listen_addresses='' -c max_connections=300 -c log_statement=none -c timezone=UTC"
        );
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISOR, "akkoord-tests-postgres"])
            .arg(&programs)
            .arg(options)
            .current_dir("/")
            .env_clear() // PGDATA, PGPORT, LANG … of whoever runs the tests
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .process_group(0) // Ctrl-C ends the tests; the supervisor cleans up after them
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some((user, group)) = unprivileged() {
            command.uid(user).gid(group);
        }
        let mut process = command.spawn().unwrap();
        let orders = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut directory = String::new();
        answers.read_line(&mut directory).unwrap();
        let directory = PathBuf::from(directory.trim_end());
        let cluster = Cluster {
            directory,
            programs,
            supervisor: Mutex::new(Supervisor {
                process,
                orders,
                answers,
            }),
            template: OnceLock::new(),
            databases: AtomicUsize::new(0),
        };
        let postgres = Postgres(Arc::new(cluster));
        postgres.order("initialise");
        postgres.order("start");
        postgres
    }

    /// A new database: empty, or like the template once there is one.
    pub fn database(&self) -> TestDatabase {
        let number = self.0.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let template = self.0.template.get().map_or("template1", String::as_str);
        self.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        let url = self.url(&name);
        TestDatabase {
            name,
            url,
            cluster: self.clone(),
        }
    }

    /// Prepares, once, the database that later ones are copied from. `prepare` gets its URL and must leave no
    /// connection open.
    pub fn prepare_template(&self, prepare: impl FnOnce(&str)) {
        self.0.template.get_or_init(|| {
            let name = "prepared".to_owned();
            self.psql("postgres", &format!("CREATE DATABASE {name}"));
            prepare(&self.url(&name));
            name
        });
    }

    /// A URL as libpq reads it: the host is the socket's directory, percent-encoded.
    pub fn url(&self, database: &str) -> String {
        let directory = self.0.directory.to_str().unwrap().replace('/', "%2F");
        format!("postgres://postgres@{directory}/{database}")
    }

    /// Runs SQL and gives the rows: columns separated by `|`, lines by newlines, nothing else.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql)
            .unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// Like [`Postgres::psql`]; the error is what `psql` wrote.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(self.0.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-p",
                PORT,
                "-h",
            ])
            .arg(&self.0.directory)
            .args(["-d", database, "-c", sql])
            .output()
            .unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// One of PostgreSQL's programs, such as `pg_receivewal`.
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.0.programs.join(name))
    }

    /// Stops the server as an operator would; sessions are ended.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// `kill -9` for the server and all its processes at once.
    pub fn kill(&self) {
        self.order("crash");
    }

    /// Starts a server that was stopped or killed, and waits until it answers.
    pub fn start(&self) {
        self.order("start");
    }

    /// Everything the cluster has on disk: `data` with tables and write-ahead log, and `server.log`.
    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    fn order(&self, order: &str) {
        let mut supervisor = self.0.supervisor.lock().unwrap();
        let Supervisor { orders, answers, .. } = &mut *supervisor;
        writeln!(orders.as_mut().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        let log = |name| std::fs::read_to_string(self.0.directory.join(name)).unwrap_or_default();
        assert_eq!(
            answer.trim(),
            "done",
            "PostgreSQL could not {order}:\n{}\n{}",
            log("supervisor.log"),
            log("server.log")
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Ok(supervisor) = self.supervisor.get_mut() {
            supervisor.orders.take();
            supervisor.process.wait().ok();
        }
    }
}

impl TestDatabase {
    /// A URL as libpq reads it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs SQL in this database; see [`Postgres::psql`].
    pub fn psql(&self, sql: &str) -> String {
        self.cluster.psql(&self.name, sql)
    }
}

impl Drop for TestDatabase {
    /// Frees disk and connections; a cluster that is down has nothing to free.
    fn drop(&mut self) {
        self.cluster
            .try_psql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .ok();
    }
}

/// Where the newest server's programs are: Debian keeps them off the PATH.
fn programs() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .rev()
        .map(|(_, programs)| programs)
        .chain(std::env::split_paths(&on_path))
        .find(|programs| programs.join("initdb").exists())
        .expect("PostgreSQL's server programs are missing; tests/run installs them")
}

/// The user and group to run as when we are root, which PostgreSQL refuses: `postgres`, else `nobody`.
fn unprivileged() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() != b"0" {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = |name: &str| {
        let mut fields = users
            .lines()
            .map(|line| line.split(':'))
            .find(|fields| fields.clone().next() == Some(name))?;
        Some((fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(
        user("postgres")
            .or_else(|| user("nobody"))
            .expect("a user to run PostgreSQL as"),
    )
}

mod tests {
    use super::*;

    #[test]
    fn every_test_has_a_database_of_its_own() {
        let (one, two) = (Postgres::shared().database(), Postgres::shared().database());
        assert_ne!(one.url(), two.url());
        one.psql("CREATE TABLE t (a int); INSERT INTO t VALUES (7)");
        assert_eq!(one.psql("SELECT a, 'x' FROM t"), "7|x");
        assert_eq!(two.psql("SELECT to_regclass('t') IS NULL"), "t");
        assert_eq!(two.psql("SHOW server_encoding"), "UTF8");
    }

    #[test]
    fn the_url_is_one_that_libpq_reads() {
        let database = Postgres::shared().database();
        let psql = Postgres::shared().0.programs.join("psql");
        let output = Command::new(psql)
            .args(["-XAtc", "SELECT current_database()", database.url()])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            database.name,
            "{output:?}"
        );
    }

    #[test]
    fn databases_are_copied_from_a_prepared_template() {
        let postgres = Postgres::private();
        for _ in 0..2 {
            postgres.prepare_template(|url| {
                assert_eq!(url, postgres.url("prepared"));
                postgres.psql("prepared", "CREATE TABLE prepared_once (a int)");
            });
        }
        assert_eq!(
            postgres.database().psql("SELECT count(*) FROM prepared_once"),
            "0"
        );
    }

    #[test]
    fn a_killed_or_stopped_cluster_comes_back_with_its_data_and_ends_with_its_handle() {
        let postgres = Postgres::durable();
        let database = postgres.database();
        assert_eq!(database.psql("SHOW fsync"), "on");
        database.psql("CREATE TABLE t (a int)");
        for (number, end) in [Postgres::kill, Postgres::stop, Postgres::kill]
            .into_iter()
            .enumerate()
        {
            database.psql(&format!("INSERT INTO t VALUES ({number})"));
            end(&postgres);
            assert!(postgres.try_psql("postgres", "SELECT 1").is_err());
            postgres.start();
        }
        assert_eq!(
            database.psql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"),
            "0,1,2"
        );
        let directory = postgres.directory().to_owned();
        assert!(directory.join("data").exists());
        drop((database, postgres));
        assert!(!directory.exists());
    }
}
