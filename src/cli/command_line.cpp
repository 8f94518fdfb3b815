// command_line.cpp - the command tree. The only file that includes CLI11: it costs seconds to compile.
#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "cli/suggest.hpp"

namespace stele::cli {
namespace {

const std::map<std::string, Format> format_names{
    {"auto", Format::automatic}, {"table", Format::table}, {"json", Format::json}, {"ndjson", Format::ndjson},
    {"tsv", Format::tsv},        {"csv", Format::csv},     {"none", Format::none}};
const std::map<std::string, TimeStyle> time_names{{"auto", TimeStyle::automatic},
                                                  {"relative", TimeStyle::relative},
                                                  {"local", TimeStyle::local},
                                                  {"iso", TimeStyle::iso}};
const std::map<std::string, Color> color_names{
    {"auto", Color::automatic}, {"always", Color::always}, {"never", Color::never}};

// The names a choice has, in the help and in the refusal.
template <class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& flag, Value& value,
                        const std::map<std::string, Value>& names, const std::string& what) {
  std::vector<std::string> words;
  words.reserve(names.size());
  for (const auto& [name, unused] : names) words.push_back(name);
  return app
      .add_option_function<std::string>(
          flag, [&value, &names](const std::string& word) { value = names.at(word); }, what)
      ->check(CLI::IsMember(words));
}

// Not left to the parser's own splitting: a bare --fields must stay different from an empty list.
void choose_fields(Common& common, std::string_view names) {
  common.choose_fields = true;
  while (!names.empty()) {
    const auto name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    if (!name.empty()) common.fields.emplace_back(name);
  }
}

void add_common(CLI::App& app, Common& common) {
  add_choice(app, "-o,--output", common.format, format_names, "how to print");
  app.add_flag_callback("--json", [&] { common.format = Format::json; }, "the same as -o json");
  app.add_flag_callback("--ndjson", [&] { common.format = Format::ndjson; }, "the same as -o ndjson");
  add_choice(app, "--time", common.time, time_names, "how times are shown in tables");
  add_choice(app, "--color", common.color, color_names, "NO_COLOR and CLICOLOR_FORCE count too");
  app.add_option_function<std::string>(
         "--fields", [&](const std::string& names) { choose_fields(common, names); },
         "only these, comma-separated; without names: list what there is")
      ->expected(0, 1)
      ->type_name("NAMES");
}

// Not for serve, demo and verify: a server cannot be served.
void add_place(CLI::App& app, Common& common) {
  app.add_option("--dir", common.place.dir, "a store directory (STELE_DIR)");
  app.add_option("--url", common.place.url, "a server, e.g. http://127.0.0.1:2113 (STELE_URL)");
  app.add_option("--token-file", common.place.token_file, "the server's access token (STELE_TOKEN_FILE)");
}

void add_filter(CLI::App& app, Filter& filter) {
  app.add_option("--type", filter.types, "only events of this type; repeat for several")
      ->allow_extra_args(false);
  app.add_option("--tag", filter.tags, "only events with this tag; repeat: all of them")
      ->allow_extra_args(false);
  app.add_option("--category", filter.categories, "only streams of this category; repeat for several")
      ->allow_extra_args(false);
}

// The tree and the options its leaves fill in. Built for one command line and thrown away.
class Tree {
 public:
  Tree() {
    app_.name("stele");
    app_.require_subcommand(0, 1);
    app_.set_help_flag("-h,--help", "this page");
    app_.set_version_flag("--version", "stele " STELE_VERSION);
    app_.footer("stele COMMAND --help tells more. Topics: stele help exit-codes, stele help places.");
    add_serving();
    add_events();
    add_streams();
    add_sql();
    add_proof();
    add_moving();
    add_archive();
    add_domain();
    add_projections();
    add_access();
    add_time();
    add_measuring();
    add_about();
  }

  CLI::App& app() { return app_; }
  [[nodiscard]] const Common& common() const { return common_; }
  [[nodiscard]] const std::optional<Command>& chosen() const { return chosen_; }

 private:
  // A leaf: a command with its options, remembered when it was the one.
  template <class Options>
  std::pair<CLI::App*, std::shared_ptr<Options>> leaf(CLI::App& parent, const std::string& name,
                                                      const std::string& what, bool with_place = true) {
    auto* app = parent.add_subcommand(name, what);
    auto options = std::make_shared<Options>();
    add_common(*app, common_);
    if (with_place) add_place(*app, common_);
    app->final_callback([this, options] { chosen_ = *options; });
    return {app, options};
  }

  void add_serving() {
    const auto [serve, serving] = leaf<ServeOptions>(app_, "serve", "Serve a store over HTTP", false);
    serve->add_option("--dir", common_.place.dir, "the store directory; made when missing (STELE_DIR)");
    serve->add_option("--listen", serving->listen,
                      "HOST:PORT (default 127.0.0.1:2113; port 0: any free one)");
    serve->add_option("--tokens", serving->tokens, "wants one of these access tokens; see: stele token");
    serve->add_option("--fold", serving->fold,
                      "a fold file: states for `stele aggregate`, see docs/history.md");
    serve->add_flag("--read-only", serving->read_only, "follow the process that writes the directory");
    serve->add_option("--projections", serving->projections,
                      "run the projections in this folder of .sql files");
    serve->add_flag("--allow-insecure", serving->allow_insecure,
                    "accept other machines without TLS and users");
    const auto [fresh, naming] =
        leaf<NewOptions>(app_, "new", "Write a small project that passes its first test", false);
    fresh->add_option("name", naming->name, "the project's name")->required();
    fresh->add_option("--dir", naming->dir, "the folder, new or empty (default: its name, here)");
    const auto [demo, showing] =
        leaf<DemoOptions>(app_, "demo", "Serve a small bank, a shop and a crm with months of history", false);
    demo->add_option("--dir", common_.place.dir, "keep the data here (default: a temporary directory)");
    demo->add_option("--listen", showing->listen, "HOST:PORT (default 127.0.0.1:2113; port 0: any free one)");
    demo->add_option("--tokens", showing->tokens, "wants one of these access tokens; see: stele token");
    demo->add_option("--side", showing->side, "both (default), or commands or queries: a process for each")
        ->check(CLI::IsMember({"both", "commands", "queries"}));
    demo->add_option("--seed", showing->seed, "the history's seed (default 42)");
    demo->add_flag_callback(
        "--no-traffic", [o = showing] { o->traffic = false; }, "no commands after the seeding");
    demo->add_option_function<std::int64_t>(
            "--projection-delay",
            [o = showing](std::int64_t delay) { o->projection_delay = std::chrono::milliseconds(delay); },
            "read models lag by this long, e.g. 300ms or 2s")
        ->transform(CLI::AsNumberWithUnit(std::map<std::string, std::int64_t>{{"ms", 1}, {"s", 1000}}))
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{60'000}))
        ->group("");  // not shown: for tests and demonstrations of waiting
  }

  void add_events() {
    const auto [append, adding] = leaf<AppendOptions>(app_, "append", "Append an event to a stream");
    append->add_option("stream", adding->stream, "the stream")->required();
    append->add_option("type", adding->type, "the event's type; without it: JSON lines on standard input");
    append->add_option("--data", adding->data, "JSON, @file, or - for standard input (default {})");
    append->add_option("--meta", adding->metadata, "metadata, a JSON object; @file works");
    append->add_option("--expect", adding->expect, "v204, none, exists or any (default)");
    append->add_option("--tag", adding->tags, "a tag; repeat for several")->allow_extra_args(false);
    append
        ->add_option("--if-no", adding->if_no,
                     "refuse if an event behind --after matches: \"type=T tag=K ...\"; several: any of them")
        ->allow_extra_args(false);
    append->add_option("--after", adding->after, "the last position that the decision has seen, p90211");
    append->add_option("--id", adding->id, "the event's UUID: repeating an append with it is harmless");
    append->add_option("--content-type", adding->content_type,
                       "what the bytes are (default application/json)");
    append->add_flag("--dry-run", adding->dry_run, "check only");

    const auto [read, reading] = leaf<ReadOptions>(app_, "read", "Read events of a stream, or of @all");
    read->add_option("stream", reading->stream, "a stream, or @all")->required();
    read->add_option("range", reading->range,
                     "A..B, A.., ..B, v204, p9, -20, -2h, a time; see: stele help places");
    add_filter(*read, reading->filter);
    read->add_option("-n,--limit", reading->limit, "so many; 0 for all (default on a terminal: 20)");
    read->add_flag("-r,--reverse", reading->reverse, "newest first");

    const auto [tail, tailing] = leaf<TailOptions>(app_, "tail", "Follow events as they happen");
    tail->add_option("stream", tailing->stream, "a stream, or @all (default)");
    tail->add_option("--since", tailing->since, "begin here: -10 (default), -2h, start, p90211, a time");
    tail->add_option("-n,--limit", tailing->limit, "end after so many");
    add_filter(*tail, tailing->filter);
  }

  void add_streams() {
    auto* stream = app_.add_subcommand("stream", "Streams, and what they keep")->require_subcommand(1);
    const auto [list, listing] = leaf<StreamListOptions>(*stream, "ls", "List streams by name");
    list->add_option("prefix", listing->prefix, "only names that begin with this");
    list->add_option("-n,--limit", listing->limit, "so many; 0 for all (default on a terminal: 50)");
    const auto [info, asking] =
        leaf<StreamInfoOptions>(*stream, "info", "One stream: how long, from where to where");
    info->add_option("stream", asking->stream, "the stream")->required();
    add_retention(*stream);
  }

  void add_retention(CLI::App& stream) {
    const auto [set, setting] =
        leaf<StreamSetOptions>(stream, "set", "What a stream keeps; without options: show it");
    set->add_option("stream", setting->stream, "the stream")->required();
    set->add_option("--max-count", setting->max_count, "only the last so many events");
    set->add_option("--max-age", setting->max_age, "only events younger than this: 90s, 12h, 30d, 4w");
    set->add_option("--truncate-before", setting->truncate_before, "only events from this version on: v204");
    set->add_flag("--clear", setting->clear, "forget what was set before");
    const auto [remove, removing] = leaf<StreamRemoveOptions>(
        stream, "rm", "Delete a stream's events; it may be written again, its numbering goes on");
    remove->add_option("stream", removing->stream, "the stream")->required();
    remove->add_option("--expect", removing->expect, "v204, exists or any (default)");
    remove->add_flag("--yes", removing->yes, "do it");
    const auto [tombstone, ending] =
        leaf<StreamTombstoneOptions>(stream, "tombstone", "End a stream for ever; cannot be undone");
    tombstone->add_option("stream", ending->stream, "the stream")->required();
    tombstone->add_option("--expect", ending->expect, "v204, none, exists or any (default)");
    tombstone->add_option("--confirm", ending->confirm, "the stream's name once more");
  }

  void add_sql() {
    const auto [sql, asking] = leaf<SqlOptions>(app_, "sql", "Ask the log in SQL; nothing can be changed");
    sql->add_option("query", asking->query, "the question (default: standard input)");
    sql->add_option("-f,--file", asking->file, "a file that holds it");
    sql->add_option("--param", asking->parameters, "name=value for :name; repeat for several")
        ->allow_extra_args(false);
    sql->add_option("-n,--limit", asking->limit, "so many rows; 0 for all (default 10000)");
    sql->add_option("--timeout", asking->seconds, "seconds; 0 for no limit (default 5)")
        ->check(CLI::Range(0.0, 1e6));
    sql->add_option("--as-of", asking->as_of, "nothing behind this place: p90211, -2h, a time");
    sql->add_flag("--plan", asking->plan, "what is asked of the store, instead of the rows");
  }

  void add_proof() {
    const auto [inspect, looking] = leaf<InspectOptions>(
        app_, "inspect", "Decode files of a store, damaged ones too; writes nothing", false);
    inspect->add_option("path", looking->path, "a file of a store, or its directory")->required();
    leaf<VerifyOptions>(app_, "verify", "Read every byte of a store, or of a backup, and check it", false)
        .first->add_option("--dir", common_.place.dir, "the directory (STELE_DIR)");
    const auto [repair, mending] = leaf<RepairOptions>(
        app_, "repair", "What can be mended without losing anything; only shows it unless told --yes", false);
    repair->add_option("--dir", common_.place.dir, "the store directory (STELE_DIR)");
    repair->add_flag("--yes", mending->yes, "do it");
    add_copies();
  }

  void add_copies() {
    const auto [backup, copying] = leaf<BackupCommandOptions>(
        app_, "backup", "Copy a store, also while it is written; again: only what is new", false);
    backup->add_option("to", copying->to, "a new directory, or an earlier backup of this store")->required();
    backup->add_option("--dir", common_.place.dir, "the store directory (STELE_DIR)");
    const auto [restore, returning] =
        leaf<RestoreCommandOptions>(app_, "restore", "Make a new store out of a backup", false);
    restore->add_option("from", returning->from, "the directory of the backup")->required();
    restore->add_option("--dir", common_.place.dir, "where the store is made: new or empty")->required();
    restore->add_option("--until", returning->until, "only up to this position (p90211) or time");
  }

  void add_archive() {
    const auto [archive, archiving] = leaf<ArchiveCommandOptions>(
        app_, "archive", "Compress closed segments of the log, or move them elsewhere; both still read",
        false);
    archive->add_option("--dir", common_.place.dir, "the store directory (STELE_DIR)");
    archive->add_option("--to", archiving->to,
                        "move them to this directory; one that was moved is found here again");
    archive->add_flag("--compress", archiving->compress, "compress them, here or there");
    archive->add_option("--before", archiving->before,
                        "only what lies below this position altogether: p90211");
    archive->add_option("--keep-segments", archiving->keep_segments,
                        "leave the newest so many closed ones alone");
    archive->add_flag("--dry-run", archiving->dry_run, "only tell what would be done");
  }

  void add_moving() {
    const auto [compact, compacting] =
        leaf<CompactCommandOptions>(app_, "compact", "Give back the bytes of events that are gone", false);
    compact->add_option("--dir", common_.place.dir, "the store directory (STELE_DIR)");
    compact->add_flag("--dry-run", compacting->dry_run, "only tell what would be freed");
    compact
        ->add_option("--min-gain", compacting->min_gain,
                     "leave segments that give less, e.g. 64kb or 1mb (default 256kb)")
        ->transform(CLI::AsSizeValue(false));
    const auto [import, importing] =
        leaf<ImportOptions>(app_, "import", "Append exported events: ids and times are kept");
    import->add_option("--from", importing->from, "the format: jsonl")->required();
    import->add_option("file", importing->file, "the file, or - for standard input")->required();
    import->add_option("--reject", importing->reject, "write refused lines here");
    const auto [exports, exporting] =
        leaf<ExportOptions>(app_, "export", "Write events, one JSON object a line");
    exports->add_option("--to", exporting->to, "the format: jsonl")->required();
    exports->add_option("file", exporting->file, "the file (default: standard output)");
    exports->add_option("--stream", exporting->stream, "one stream (default: @all)");
    exports->add_option("--range", exporting->range, "A..B; see: stele help places");
    add_filter(*exports, exporting->filter);
  }

  void add_declared(CLI::App& all) {
    const auto [create, creating] =
        leaf<ProjectionCreateOptions>(all, "create", "Create one that is declared in a .sql file");
    create->add_option("file", creating->file, "the file, or - for standard input")->required();
    const auto [ask, asking] =
        leaf<ProjectionAskOptions>(all, "ask", "Ask one that is declared in SQL, now or as of any moment");
    ask->add_option("name", asking->name, "the projection's name")->required();
    ask->add_option("query", asking->query, "the query's name")->required();
    ask->add_option("--param", asking->parameters, "name=value; repeat for several")->allow_extra_args(false);
    ask->add_option("--as-of", asking->as_of, "the model as it was: p90211, -2h, a time");
  }

  void add_projections() {
    auto* all = app_.add_subcommand("projection", "The read models of a server")->require_subcommand(1);
    add_declared(*all);
    leaf<ProjectionListOptions>(*all, "ls", "List them: how far they are, and why one stands still");
    const auto named = [&]<class Options>(const char* verb, const char* what) {
      const auto [app, options] = leaf<Options>(*all, verb, what);
      app->add_option("name", options->name, "the projection's name")->required();
      return std::pair(app, options);
    };
    named.operator()<ProjectionInfoOptions>("info", "One of them, with its latencies and costs");
    named.operator()<ProjectionErrorsOptions>("errors", "The events that are parked, and why");
    const auto [wait, waiting] =
        named.operator()<ProjectionWaitOptions>("wait", "Return when a position is visible in the model");
    wait->add_option("--position", waiting->position, "up to here (default: the head)");
    wait->add_option("--timeout", waiting->seconds, "seconds (default 5)")->check(CLI::Range(0, 30));
    const auto [build, building] = named.operator()<ProjectionRebuildOptions>(
        "rebuild", "Build another model beside the one that serves, then switch to it");
    build->add_flag("--dry-run", building->dry_run, "only what it would take");
    build->add_flag("--compare", building->compare, "switch only when old and new hold the same rows");
    build->add_flag("--keep", building->keep, "do not switch: `projection swap` does");
    build->add_flag("--discard", building->discard, "give up the one that is being built");
    build->add_flag("--detach", building->detach, "do not wait for it");
    named.operator()<ProjectionRemoveOptions>("rm",
                                              "Stop one that was created on the server, and drop its model");
    const auto act = [&](const char* verb, const char* what) {
      const auto [app, options] = named.operator()<ProjectionActOptions>(verb, what);
      options->verb = verb;
      return std::pair(app, options);
    };
    const auto [pause, pausing] = act("pause", "Stop applying; whoever waits goes on waiting");
    pause->add_option("--reason", pausing->reason, "shown to everybody who asks");
    act("resume", "End a pause");
    act("start", "Start again after a stop or a failure");
    act("stop", "Stop it; another process that stands by takes over");
    act("swap", "Let the built model serve");
    act("rollback", "Let the model before the last switch serve again");
    const auto [retry, retrying] = act("retry", "Apply parked events again");
    retry->add_option("--position", retrying->position, "the sequence of this event (default: all)");
    const auto [skip, skipping] = act("skip", "Give up one event that cannot be applied");
    skip->add_option("position", skipping->position, "as `projection errors` shows it")->required();
    skip->add_option("--reason", skipping->reason, "why it may be missing for good")->required();
  }

  void add_access() {
    auto* token = app_.add_subcommand("token", "The access tokens of a server: serve --tokens FILE")
                      ->require_subcommand(1);
    const auto file = [](CLI::App& command, std::string& path) {
      command.add_option("--file", path, "the file of tokens")->required();
    };
    const auto [make, making] = leaf<TokenNewOptions>(*token, "new", "Make one; it is shown once", false);
    make->add_option("name", making->name, "whose it is")->required();
    make->add_option("--scope", making->scopes, "query, command or admin; repeat for several")
        ->required()
        ->allow_extra_args(false)
        ->check(CLI::IsMember({"query", "command", "admin"}));
    make->add_option("--expires", making->expires, "from now, e.g. 90d (default: never)");
    file(*make, making->file);
    const auto [list, listing] = leaf<TokenListOptions>(*token, "ls", "Whose there are", false);
    file(*list, listing->file);
    const auto [remove, removing] = leaf<TokenRemoveOptions>(*token, "rm", "Remove one", false);
    remove->add_option("name", removing->name, "whose")->required();
    file(*remove, removing->file);
  }

  void add_domain() {
    auto* schema = app_.add_subcommand("schema", "The rules of the bundled applications against a log")
                       ->require_subcommand(1);
    const auto [check, checking] = leaf<SchemaCheckOptions>(
        *schema, "check", "Replay every stream; report what cannot be read or believed", false);
    check->add_option("--dir", common_.place.dir, "the store directory (STELE_DIR)");
    check->add_option("--digests", checking->digests, "compare states with this file of `schema digests`");
    const auto [digests, digesting] =
        leaf<SchemaDigestsOptions>(*schema, "digests", "Write a digest of every aggregate's state", false);
    digests->add_option("--dir", common_.place.dir, "the store directory (STELE_DIR)");
    digests->add_option("file", digesting->file, "the file to write")->required();
    leaf<SchemaPrintOptions>(*schema, "print", "Everything that is persisted, as text", false);

    auto* saga = app_.add_subcommand("saga", "Sagas of a server, and the stuck ones")->require_subcommand(1);
    leaf<SagaListOptions>(*saga, "ls", "List sagas with their counts");
    const auto [show, showing] = leaf<SagaShowOptions>(*saga, "show", "The instances in trouble, and why");
    show->add_option("saga", showing->saga, "the saga's name")->required();
    show->add_flag("--timers", showing->timers, "the pending timers instead, the next one first");
    add_saga_act(*saga, "retry", "Try again now what an instance is stuck at", false);
    add_saga_act(*saga, "skip", "Give up the one thing an instance is stuck at", true);
  }
  void add_saga_act(CLI::App& saga, const std::string& verb, const std::string& what, bool skip) {
    const auto [act, acting] = leaf<SagaActOptions>(saga, verb, what);
    act->add_option("saga", acting->saga, "the saga's name")->required();
    act->add_option("instance", acting->instance, "the instance, as `saga show` names it")->required();
    acting->skip = skip;
  }

  // An aggregate, and who says what its state is.
  static void add_look(CLI::App& app, LookOptions& look, bool with_id = true) {
    app.add_option("type", look.type, "the category, e.g. BankAccount")->required();
    if (with_id) app.add_option("id", look.id, "the part of the stream's name behind it")->required();
    app.add_option("--fold", look.fold, "a fold file: what events do to the state, see docs/history.md");
  }

  void add_time() {
    auto* aggregate =
        app_.add_subcommand("aggregate", "States, and how they came about")->require_subcommand(1);
    const auto [list, listing] =
        leaf<AggregateListOptions>(*aggregate, "ls", "Whose states can be shown, and by whom");
    list->add_option("--fold", listing->fold, "a fold file");
    const auto [show, showing] =
        leaf<AggregateShowOptions>(*aggregate, "show", "The state now, or at any moment");
    add_look(*show, *showing);
    show->add_option("--as-of", showing->as_of,
                     "v203, p90211, -2h, a time, 'CheckedOut -10m' (default head)");
    const auto [log, logging] =
        leaf<AggregateLogOptions>(*aggregate, "log", "Each event, and what it changed");
    add_look(*log, *logging);
    log->add_option("range", logging->range, "A..B, A.., ..B; see: stele help places");
    log->add_option("-n,--limit", logging->limit, "so many; 0 for all (default on a terminal: the last 20)");
    log->add_flag("-r,--reverse", logging->reverse, "newest first");
    const auto [diff, comparing] =
        leaf<AggregateDiffOptions>(*aggregate, "diff", "What differs between two moments");
    add_look(*diff, *comparing);
    diff->add_option("range", comparing->range, "A..B; start and head where one is missing")->required();
    diff->add_flag("--patch", comparing->patch, "as one JSON Patch (RFC 6902)");
    diff->add_flag("--exit-code", comparing->exit_code, "7 when there is a difference");
    const auto [blame, blaming] =
        leaf<AggregateBlameOptions>(*aggregate, "blame", "Which event set each field");
    add_look(*blame, *blaming);
    blame->add_option("--as-of", blaming->as_of, "of the state at this moment (default head)");
    blame->add_option("--field", blaming->field, "everything that ever changed this one, newest first");
    const auto [retell, telling] =
        leaf<RetellOptions>(*aggregate, "test", "A moment of the history as a given/when/then test in C++");
    add_look(*retell, *telling);
    retell->add_option("--at", telling->at, "the event that is to be decided again (default head)");
    add_stepping();
    add_searching();
  }

  void add_stepping() {
    const auto [debug, stepping] =
        leaf<DebugOptions>(app_, "debug", "Step through a history, forward and back");
    add_look(*debug, *stepping);
    debug->add_option("--until", stepping->until, "stop at the first event where this holds, and end");
    debug->add_option("--from", stepping->from, "begin here (default: before the first event)");
    const auto [bisect, halving] =
        leaf<BisectOptions>(app_, "bisect", "The first event where a condition holds, and its causes");
    add_look(*bisect, *halving, false);
    bisect->add_option("id", halving->id, "one aggregate (default: every one of the type)");
    bisect->add_option("--bad", halving->bad, "the condition, e.g. 'balance < 0'")->required();
    bisect->add_flag("--monotone", halving->monotone, "once it holds, it holds to the end: look by halves");
    bisect->add_option("-n,--limit", halving->limit, "end after so many aggregates (default 100)");
    const auto [what_if, forking] = leaf<WhatIfOptions>(
        app_, "whatif", "Another history, in memory: what would differ; nothing is written");
    add_look(*what_if, *forking);
    what_if->add_option("--drop", forking->drops, "v203: without this event")->allow_extra_args(false);
    what_if->add_option("--set", forking->sets, "v203.amount=\"50.00\": with other data")
        ->allow_extra_args(false);
    what_if->add_option("--insert", forking->inserts, "'v203 MoneyDeposited {...}': one more in front of it")
        ->allow_extra_args(false);
    what_if->add_option("--save", forking->save, "write a bundle that `stele replay` takes anywhere");
    const auto [replay, repeating] = leaf<ReplayOptions>(
        app_, "replay", "A saved what-if again; or a stream with two builds of its rules");
    replay->add_option("what", repeating->bundle, "a bundle; with --code, a stream")->required();
    replay
        ->add_option("--code", repeating->code,
                     "a shared object with STELE_HISTORY_PLUGIN; twice: compare them")
        ->allow_extra_args(false);
  }

  void add_searching() {
    const auto [causes, asking] =
        leaf<CausesOptions>(app_, "causes", "What led to an event, and what it led to");
    causes->add_option("event", asking->event, "the event's id")->required();
    const auto [find, looking] = leaf<FindOptions>(app_, "find", "Search events; says what was searched");
    find->add_option("text", looking->text, "in data or metadata, as it is written there");
    find->add_option("--correlation", looking->correlation, "of this transaction");
    find->add_option("--actor", looking->actor, "by this user");
    find->add_option("--where", looking->where,
                     "a condition, e.g. 'data.amount > 1000'; see docs/history.md");
    find->add_option("--range", looking->range, "A..B; see: stele help places");
    find->add_option("-n,--limit", looking->limit, "so many; 0 for all (default 100)");
    add_filter(*find, looking->filter);
  }

  void add_measuring() {
    auto* bench =
        app_.add_subcommand("bench", "Measure, beside the limits of the machine")->require_subcommand(1);
    add_bench_writing(*bench);
    add_bench_reading(*bench);
    add_bench_whole_logs(*bench);
  }

  static void add_baseline(CLI::App& app, BenchOptions& options) {
    app.add_option("--baseline", options.baseline, "compare with an earlier --json or --ndjson of the same");
  }
  static void add_size(CLI::App& app, std::uint64_t& size) {
    app.add_option("--size", size, "bytes of payload (default 256)")->check(CLI::Range(32, 1 << 20));
  }
  static void add_seconds(CLI::App& app, double& seconds) {
    app.add_option("--duration", seconds, "seconds per line (default 2)")->check(CLI::Range(0.05, 3600.0));
  }
  static void add_log(CLI::App& app, BenchLogOptions& log) {
    app.add_option("--events", log.events, "how many (default 1000000)")->check(CLI::Range(1000, 2000000000));
    app.add_option("--streams", log.streams, "over how many streams (default: 100 events each)")
        ->check(CLI::Range(1, 100000000));
    app.add_flag("--zipf", log.zipf, "few streams get most of them");
    add_size(app, log.size);
    add_baseline(app, log);
  }

  void add_bench_writing(CLI::App& bench) {
    const auto [append, appending] =
        leaf<BenchAppendOptions>(bench, "append", "Durable appends: rate and latency");
    append->add_option("--writers", appending->writers, "how many at a time (default 1,16,64,256)")
        ->delimiter(',');
    append
        ->add_option("--batch", appending->batches,
                     "events per append (default 1; and 100 with 1 and 16 writers)")
        ->delimiter(',');
    add_size(*append, appending->size);
    add_seconds(*append, appending->seconds);
    append->add_option("--rate", appending->rate,
                       "appends per second in all, open loop (default: as fast as it goes)");
    append->add_flag("--async", appending->completions, "completions instead of a waiting thread per writer");
    add_baseline(*append, *appending);
    const auto [condition, guarding] =
        leaf<BenchConditionOptions>(bench, "condition", "Conditional appends beside unconditional ones");
    add_log(*condition, *guarding);
    add_seconds(*condition, guarding->seconds);
    condition->add_option("--writers", guarding->writers, "how many at a time (default 64)")
        ->check(CLI::Range(1, 4096));
    condition->add_flag("--async", guarding->completions,
                        "completions instead of a waiting thread per writer");
  }

  void add_bench_reading(CLI::App& bench) {
    const auto [read, reading] =
        leaf<BenchReadOptions>(bench, "read", "Replay, loads of streams, selective reads warm and cold");
    add_log(*read, *reading);
    add_seconds(*read, reading->seconds);
    const auto [load, loading] = leaf<BenchLoadOptions>(bench, "load", "Loads of single scattered streams");
    add_log(*load, *loading);
    add_seconds(*load, loading->seconds);
    load->add_option("--rate", loading->rate, "loads per second, open loop (default: one after the other)");
    load->add_option("--threads", loading->threads, "readers at a time (default 1)")
        ->check(CLI::Range(1, 256));
    const auto [subscribe, following] =
        leaf<BenchSubscribeOptions>(bench, "subscribe", "From acknowledgement to a live subscriber");
    subscribe->add_option("--rate", following->rates, "appends per second, open loop (default 100,1000,5000)")
        ->delimiter(',');
    add_seconds(*subscribe, following->seconds);
    add_size(*subscribe, following->size);
    add_baseline(*subscribe, *following);
  }

  void add_bench_whole_logs(CLI::App& bench) {
    const auto [rebuild, rebuilding] =
        leaf<BenchRebuildOptions>(bench, "rebuild", "A read model from the whole log: in memory, in SQLite");
    add_log(*rebuild, *rebuilding);
    const auto [fill, filling] =
        leaf<BenchFillOptions>(bench, "fill", "Make a log to measure with, in --dir, and keep it");
    add_log(*fill, *filling);
    fill->add_flag("--hold", filling->hold, "stay, with the store open, until killed");
    const auto [opens, opening] =
        leaf<BenchOpenOptions>(bench, "open", "Opening after SIGKILL and after a clean close; memory");
    opens->add_option("--events", opening->events, "a log for each of these sizes (default 1000000)")
        ->delimiter(',');
    opens->add_option("--streams", opening->streams, "over how many streams (default: 20 events each)");
    opens->add_flag("--zipf", opening->zipf, "few streams get most events");
    opens->add_option("--store", opening->store, "measure this store instead; it is not changed");
    opens->add_option("--then-append", opening->append_seconds, "seconds of appending to --store afterwards")
        ->group("");  // not shown: how the command measures the logs it made
    add_size(*opens, opening->size);
    add_baseline(*opens, *opening);
  }

  void add_about() {
    leaf<VersionOptions>(app_, "version", "Which stele this is", false);
    const auto [help, asking] =
        leaf<TopicOptions>(app_, "help", "This page, a command's, or a topic's", false);
    help->add_option("topic", asking->topic, "a command, exit-codes or places");
  }

  CLI::App app_{"An event store with its log in plain files."};
  Common common_;
  std::optional<Command> chosen_;
};

// The command as far as the words name one: where a wrong word was meant.
const CLI::App& deepest(const CLI::App& app) {
  const auto inner = app.get_subcommands();
  return inner.empty() ? app : deepest(*inner.front());
}

// What could have been meant where a word was not understood.
std::vector<std::string> candidates_for(const CLI::App& app, bool flags) {
  std::vector<std::string> names;
  if (!flags) {
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(command->get_name());
    return names;
  }
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + " " + app.get_name() : app.get_name();
}

// With the whole name in the usage line, as it has to be typed.
std::string help_page(const CLI::App& app) {
  return app.get_parent() ? app.help(full_name(*app.get_parent())) : app.help();
}

Reply unknown_word(const CLI::App& app, const std::string& word) {
  const bool flag = word.starts_with('-');
  const auto guess = nearest(word.substr(0, word.find('=')), candidates_for(app, flag));
  const auto commands = candidates_for(app, false);
  const bool expects_command = !flag && !commands.empty();
  Reply reply{.wrong = true, .text = {}, .hint = {}};
  reply.text = fmt::format("{} has no {} '{}'", full_name(app),
                           flag              ? "option"
                           : expects_command ? "command"
                                             : "place for",
                           word);
  if (guess)
    reply.hint = fmt::format("did you mean '{}'?", *guess);
  else if (expects_command)
    reply.hint = fmt::format("there are: {}", fmt::join(commands, ", "));
  else
    reply.hint = fmt::format("see {} --help", full_name(app));
  return reply;
}

// The first word nothing on the way from the root to `app` knew.
std::string leftover(const CLI::App& root) {
  const auto words = root.remaining(true);
  const auto word = std::find_if(words.begin(), words.end(), [](const auto& w) { return w != "--"; });
  return word == words.end() ? std::string() : *word;
}

Reply wrong(const CLI::App& root, const CLI::ParseError& error) {
  const auto& app = deepest(root);
  if (const auto word = leftover(root); !word.empty()) return unknown_word(app, word);
  return {.wrong = true, .text = error.what(), .hint = fmt::format("see {} --help", full_name(app))};
}

// `stele help stream ls` is `stele stream ls --help`.
std::vector<std::string> without_help_word(std::vector<std::string> words) {
  const bool asks =
      words.size() > 1 && words.front() == "help" && words[1] != "exit-codes" && words[1] != "places";
  if (!asks) return words;
  const auto tree = std::make_unique<Tree>();
  if (std::ranges::count(candidates_for(tree->app(), false), words[1]) == 0) return words;
  words.erase(words.begin());
  words.emplace_back("--help");
  return words;
}

}  // namespace

std::variant<Invocation, Reply> parse_command_line(const std::vector<std::string>& given) {
  auto words = without_help_word(given);
  if (words.empty() || (words.size() == 1 && words.front() == "help")) words = {"--help"};
  Tree tree;
  std::reverse(words.begin(), words.end());  // as the parser wants them
  try {
    tree.app().parse(words);
  } catch (const CLI::CallForHelp&) {
    return Reply{.wrong = false, .text = help_page(deepest(tree.app())), .hint = {}};
  } catch (const CLI::CallForVersion& version) {
    return Reply{.wrong = false, .text = std::string(version.what()) + "\n", .hint = {}};
  } catch (const CLI::ParseError& error) {
    return wrong(tree.app(), error);
  }
  if (!tree.chosen()) return Reply{.wrong = true, .text = "no command was given", .hint = "see stele --help"};
  return Invocation{.common = tree.common(), .command = *tree.chosen()};
}

}  // namespace stele::cli
