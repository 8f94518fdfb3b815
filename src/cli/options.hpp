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
  std::string dir;
  std::string url;
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
  std::string listen;
  bool allow_insecure = false;
};

struct DemoOptions {
  std::string listen;
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

struct NewOptions {
  std::string name;
  std::string dir;  // empty: a folder of that name here
};

struct VersionOptions {};
struct TopicOptions {
  std::string topic;
};

using Command =
    std::variant<AppendOptions, ReadOptions, TailOptions, StreamListOptions, StreamInfoOptions,
                 StreamSetOptions, StreamRemoveOptions, StreamTombstoneOptions, CompactCommandOptions,
                 ArchiveCommandOptions, InspectOptions, VerifyOptions, RepairOptions, BackupCommandOptions,
                 RestoreCommandOptions, ImportOptions, ExportOptions, ServeOptions, DemoOptions,
                 BenchAppendOptions, BenchReadOptions, BenchLoadOptions, BenchConditionOptions,
                 BenchSubscribeOptions, BenchRebuildOptions, BenchFillOptions, BenchOpenOptions,
                 SchemaCheckOptions, SchemaDigestsOptions, SchemaPrintOptions, SagaListOptions,
                 SagaShowOptions, SagaActOptions, NewOptions, VersionOptions, TopicOptions>;

struct Invocation {
  Common common;
  Command command;
};

}  // namespace stele::cli
