// options.hpp - what was asked for on the command line, as plain values: one struct per command. Filled by
// command_line.cpp (the only file that knows the argument parser), carried out by the files in commands/.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace stele::cli {

enum class Format : std::uint8_t { automatic, table, json, ndjson, tsv, csv, none };
enum class TimeStyle : std::uint8_t { automatic, relative, local, iso };
enum class Color : std::uint8_t { automatic, always, never };

// Where the events are. At most one is filled in; flags win over STELE_DIR and STELE_URL.
struct Place {
  std::string dir{};
  std::string url{};
  std::string token_file{};  // of a server that wants a token: a file with nothing else in it
  std::string token{};       // what it holds; filled in by place_of()
};

// Options every command has.
struct Common {
  Place place;
  Format format = Format::automatic;
  TimeStyle time = TimeStyle::automatic;
  Color color = Color::automatic;
  bool choose_fields = false;       // --fields was given; with an empty list it asks what exists
  std::vector<std::string> fields;  // in the order to print
};

// --type, --tag, --category: each may be repeated. Types and categories: one of them; tags: all of them.
struct Filter {
  std::vector<std::string> types;
  std::vector<std::string> tags;
  std::vector<std::string> categories;
};

struct AppendOptions {
  std::string stream;
  std::string type;  // empty: events come as JSON lines on standard input
  std::string data;  // JSON text, @file or - for standard input
  std::string metadata;
  std::string expect = "any";
  std::vector<std::string> tags;
  std::string id;
  std::string content_type;
  std::vector<std::string> if_no;  // items of the append condition: "type=T tag=K"
  std::string after;               // empty: with a condition, the beginning of the log
  bool dry_run = false;
};

struct ReadOptions {
  std::string stream;  // or @all
  std::string range;
  Filter filter;
  std::optional<std::uint64_t> limit;  // 0: no limit
  bool reverse = false;
};

struct TailOptions {
  std::string stream = "@all";
  std::string since = "-10";  // a place in history: the last ten
  Filter filter;
  std::uint64_t limit = 0;  // stop after so many events; 0: never
};

struct StreamListOptions {
  std::string prefix;
  std::optional<std::uint64_t> limit;
};
struct StreamInfoOptions {
  std::string stream;
};
// Without anything to change it only shows what is set.
struct StreamSetOptions {
  std::string stream;
  std::optional<std::uint64_t> max_count;
  std::string max_age;          // 30d; units s m h d w
  std::string truncate_before;  // v204
  bool clear = false;           // begin from nothing, not from what is set
};
struct StreamRemoveOptions {
  std::string stream;
  std::string expect = "any";
  bool yes = false;
};
struct StreamTombstoneOptions {
  std::string stream;
  std::string expect = "any";
  std::string confirm;  // the stream's name again
};
struct CompactCommandOptions {
  bool dry_run = false;
  std::uint64_t min_gain = 256 << 10;
};
struct ArchiveCommandOptions {
  std::string to;  // empty: they stay where they are
  bool compress = false;
  std::string before;  // p90211
  std::uint64_t keep_segments = 0;
  bool dry_run = false;
};
struct InspectOptions {
  std::string path;
};
struct VerifyOptions {};
struct RepairOptions {
  bool yes = false;
};
struct BackupCommandOptions {
  std::string to;
};
struct RestoreCommandOptions {
  std::string from;
  std::string until;  // a position (p90211) or a time; empty: everything
};

struct ImportOptions {
  std::string from;    // the format; jsonl
  std::string file;    // - for standard input
  std::string reject;  // file for lines that were refused
};

struct ExportOptions {
  std::string to;    // the format; jsonl
  std::string file;  // empty or -: standard output
  std::string stream = "@all";
  std::string range;
  Filter filter;
};

struct ServeOptions {
  std::string fold;  // a fold file: states for /v1/aggregates
  std::string listen;
  std::string projections;  // a folder of .sql files
  std::string tokens;       // a file of access tokens; empty: none are wanted
  bool read_only = false;   // follow the process that writes
  bool allow_insecure = false;
};

struct DemoOptions {
  std::string listen;
  std::string tokens;
  std::string side = "both";  // commands, queries
  std::uint64_t seed = 42;
  bool traffic = true;
  std::chrono::milliseconds projection_delay{0};  // read models lag by this; for tests and demonstrations
};

// Measuring: see bench/. A zero, or an empty list, means "the built-in choice".
struct BenchOptions {
  std::string baseline;  // an earlier --json of the same measurement
};
struct BenchAppendOptions : BenchOptions {
  std::vector<std::uint64_t> writers;
  std::vector<std::uint64_t> batches;
  std::uint64_t size = 256;
  double seconds = 2.0;
  std::uint64_t rate = 0;  // appends per second over all writers, open loop; 0: as fast as it goes
  bool completions = false;
};
// The log that is made for a measurement.
struct BenchLogOptions : BenchOptions {
  std::uint64_t events = 1'000'000;
  std::uint64_t size = 256;
  std::uint64_t streams = 0;
  bool zipf = false;
};
struct BenchReadOptions : BenchLogOptions {
  double seconds = 2.0;  // of each line of selective reads
};
struct BenchLoadOptions : BenchLogOptions {
  double seconds = 2.0;
  std::uint64_t rate = 0;
  std::uint64_t threads = 1;
};
struct BenchConditionOptions : BenchLogOptions {
  double seconds = 2.0;
  std::uint64_t writers = 64;
  bool completions = false;
};
struct BenchSubscribeOptions : BenchOptions {
  std::vector<std::uint64_t> rates;
  double seconds = 2.0;
  std::uint64_t size = 256;
};
struct BenchRebuildOptions : BenchLogOptions {};
struct BenchFillOptions : BenchLogOptions {
  bool hold = false;  // stays, with the store open, until it is killed
};
struct BenchOpenOptions : BenchOptions {
  std::vector<std::uint64_t> events;  // a log for each; empty with `store`
  std::uint64_t size = 256;
  std::uint64_t streams = 0;
  bool zipf = false;
  std::string store;          // an existing store instead
  double append_seconds = 0;  // of appending to it afterwards
};

// The bundled applications' rules against a log.
struct SchemaCheckOptions {
  std::string digests;  // a file of `schema digests`; empty: states are not compared
};
struct SchemaDigestsOptions {
  std::string file;
};
struct SchemaPrintOptions {};

struct SagaListOptions {};
struct SagaShowOptions {
  std::string saga;
  bool timers = false;  // those instead of the instances in trouble
};
struct SagaActOptions {
  std::string saga;
  std::string instance;
  bool skip = false;  // instead of trying again
};

// The read models of a server.
struct ProjectionListOptions {};
struct ProjectionInfoOptions {
  std::string name;
};
struct ProjectionErrorsOptions {
  std::string name;
};
struct ProjectionWaitOptions {
  std::string name;
  std::optional<std::uint64_t> position;  // nothing: the head
  std::uint64_t seconds = 5;
};
struct ProjectionActOptions {
  std::string name;
  std::string verb;  // pause, resume, start, stop, swap, rollback, retry, skip
  std::string reason;
  std::optional<std::uint64_t> position;
};
struct ProjectionRebuildOptions {
  std::string name;
  bool dry_run = false;
  bool discard = false;
  bool compare = false;
  bool keep = false;    // the old one serves until `projection swap`
  bool detach = false;  // do not look on
};
struct ProjectionRemoveOptions {
  std::string name;
};

// The access tokens of a server: a file of hashes.
struct TokenNewOptions {
  std::string name;
  std::string file;
  std::vector<std::string> scopes;
  std::string expires;  // 90d; empty: never
};
struct TokenListOptions {
  std::string file;
};
struct TokenRemoveOptions {
  std::string name;
  std::string file;
};

// Projections that are declared in SQL.
struct ProjectionCreateOptions {
  std::string file;  // or - for standard input
};
struct ProjectionAskOptions {
  std::string name;
  std::string query;
  std::vector<std::string> parameters;  // name=value
  std::string as_of;
};

// A question in SQL about the log.
struct SqlOptions {
  std::string query;  // empty: in `file`, or on standard input
  std::string file;
  std::vector<std::string> parameters;  // name=value
  std::optional<std::uint64_t> limit;   // 0: no limit
  double seconds = 5;                   // 0: no limit
  std::string as_of;
  bool plan = false;  // what was asked of the store instead of the rows
};

struct NewOptions {
  std::string name;
  std::string dir;  // empty: a folder of that name here
};

// Looking through time. Whose state, and who folds it.
struct LookOptions {
  std::string type;  // a category
  std::string id;
  std::string fold;  // a fold file; empty: the server's application, or the bundled ones
};
struct AggregateListOptions {
  std::string fold;
};
struct AggregateShowOptions : LookOptions {
  std::string as_of = "head";
};
struct AggregateLogOptions : LookOptions {
  std::string range;
  std::optional<std::uint64_t> limit;  // 0: no limit
  bool reverse = false;
};
struct AggregateDiffOptions : LookOptions {
  std::string range;
  bool patch = false;      // one JSON Patch instead of a record for each field
  bool exit_code = false;  // 7 when there is a difference
};
struct AggregateBlameOptions : LookOptions {
  std::string field;  // everything that ever changed it; empty: the last setter of every field
  std::string as_of = "head";
};
struct DebugOptions : LookOptions {
  std::string until;  // a condition; then nothing is asked
  std::string from;   // a moment to begin at
};
struct BisectOptions : LookOptions {  // no id: every aggregate of the type
  std::string bad;
  bool monotone = false;
  std::uint64_t limit = 100;  // aggregates that are found
};
struct CausesOptions {
  std::string event;
};
struct FindOptions {
  std::string text;
  std::string correlation;
  std::string actor;
  std::string where;
  std::string range;
  Filter filter;
  std::uint64_t limit = 100;
};
struct WhatIfOptions : LookOptions {
  std::vector<std::string> drops;    // v203
  std::vector<std::string> sets;     // v12.amount=5
  std::vector<std::string> inserts;  // v203 TYPE JSON
  std::string save;
};
struct ReplayOptions {
  std::string bundle;             // or, with code, a stream
  std::vector<std::string> code;  // shared objects
};
struct RetellOptions : LookOptions {
  std::string at = "head";
};

struct VersionOptions {};
struct TopicOptions {
  std::string topic;
};

using Command = std::variant<
    AppendOptions, ReadOptions, TailOptions, StreamListOptions, StreamInfoOptions, StreamSetOptions,
    StreamRemoveOptions, StreamTombstoneOptions, CompactCommandOptions, ArchiveCommandOptions, InspectOptions,
    VerifyOptions, RepairOptions, BackupCommandOptions, RestoreCommandOptions, ImportOptions, ExportOptions,
    ServeOptions, DemoOptions, BenchAppendOptions, BenchReadOptions, BenchLoadOptions, BenchConditionOptions,
    BenchSubscribeOptions, BenchRebuildOptions, BenchFillOptions, BenchOpenOptions, SchemaCheckOptions,
    SchemaDigestsOptions, SchemaPrintOptions, SagaListOptions, SagaShowOptions, SagaActOptions,
    ProjectionListOptions, ProjectionInfoOptions, ProjectionErrorsOptions, ProjectionWaitOptions,
    ProjectionActOptions, ProjectionRebuildOptions, ProjectionRemoveOptions, TokenNewOptions,
    TokenListOptions, TokenRemoveOptions, SqlOptions, ProjectionCreateOptions, ProjectionAskOptions,
    NewOptions, VersionOptions, AggregateListOptions, AggregateShowOptions, AggregateLogOptions,
    AggregateDiffOptions, AggregateBlameOptions, DebugOptions, BisectOptions, CausesOptions, FindOptions,
    WhatIfOptions, ReplayOptions, RetellOptions, TopicOptions>;

struct Invocation {
  Common common;
  Command command;
};

}  // namespace stele::cli
