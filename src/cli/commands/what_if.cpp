// what_if.cpp - `stele whatif` and `stele replay`, and `stele aggregate test`: histories that did not happen, the same
// history by other rules, and a moment of one as a test. Nothing here writes to a store.
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <ostream>

#include "base/json_text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/look.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/report.hpp"
#include "history/fork.hpp"
#include "history/retelling.hpp"

namespace stele::cli {
namespace {

Error edit_usage(const Error& why) {
  auto error = usage_error(why.message());
  return std::move(error).help(why.help());
}

result<void> add_edits(const std::vector<std::string>& texts,
                       result<history::Edit> (*parse)(std::string_view), std::vector<history::Edit>& out) {
  for (const auto& text : texts) {
    auto edit = parse(text);
    if (!edit) return edit_usage(edit.error());
    out.push_back(*std::move(edit));
  }
  return {};
}

result<std::vector<history::Edit>> edits_of(const WhatIfOptions& options) {
  std::vector<history::Edit> out;
  STELE_CHECK(add_edits(options.drops, history::parse_drop, out));
  STELE_CHECK(add_edits(options.sets, history::parse_set, out));
  STELE_CHECK(add_edits(options.inserts, history::parse_insert, out));
  if (out.empty()) return usage_error("nothing to change was given").help("give --drop, --set or --insert");
  return out;
}

// What the server is told: the same words as on the command line.
std::string what_if_body(const WhatIfOptions& options) {
  const auto list = [](const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const auto& each : texts) out += (out.size() > 1 ? "," : "") + base::json_string(each);
    return out + "]";
  };
  return JsonObject()
      .raw("drop", list(options.drops))
      .raw("set", list(options.sets))
      .raw("insert", list(options.inserts))
      .take();
}

result<void> save_bundle(const std::string& file, const std::string& bundle) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (out << bundle << std::flush) return {};
  return Error(errc::unavailable, "cannot write " + file);
}

result<std::string> file_content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error(errc::not_found, "there is no bundle at " + file);
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

result<int> replay_saved(const ReplayOptions& options, Session& session) {
  STELE_TRY(const auto bundle, file_content(options.bundle));
  STELE_TRY(const auto folds, local_folds(""));
  STELE_TRY(const auto replayed,
            history::replay_bundle(bundle, [&](const std::string& type) { return folds->find(type); }));
  session.out << history::replayed_json(replayed) << '\n';
  return replayed.identical ? exit_done : exit_check_failed;
}

result<history::Fold> plugged_fold(const std::string& file, std::string_view category) {
  STELE_TRY(auto folds, history::load_plugin(file));
  for (auto& fold : folds)
    if (fold.category == category) return std::move(fold);
  return Error(errc::not_found, file + " has no aggregates called " + std::string(category));
}

std::string compared_json(const std::string& stream, const history::Compared& compared,
                          const history::Fold& first, const history::Fold& second) {
  JsonObject out;
  out.text("stream", stream)
      .number("events", compared.events)
      .boolean("identical", !compared.first_different);
  if (compared.first_different) {
    out.number("version", compared.first_different->value()).raw("event", compared.event);
    out.raw("first", compared.first).raw("second", compared.second);
  }
  return out.text("by", first.name + ", " + second.name).take();
}

result<int> replay_builds(const ReplayOptions& options, Session& session) {
  if (options.code.size() > 2) return usage_error("two builds can be compared, not more");
  STELE_TRY(const auto source, open_source(session));
  STELE_TRY(const auto info, source->stream_info(options.bundle));
  const auto category = category_of(info.stream);
  STELE_TRY(const auto first, plugged_fold(options.code.front(), category));
  history::Fold second;
  if (options.code.size() == 2) {
    STELE_TRY(second, plugged_fold(options.code.back(), category));
  } else {
    STELE_TRY(const auto folds, local_folds(""));
    STELE_TRY(const auto* const own, folds->find(category));
    second = *own;
  }
  STELE_TRY(const auto compared, history::compare_folds(*source, info, first, second));
  session.out << compared_json(info.stream, compared, first, second) << '\n';
  return compared.first_different ? exit_check_failed : exit_done;
}

// Where the bundled applications' rules are declared.
std::string header_of(std::string_view type) {
  if (type == "BankAccount") return "bank/account.hpp";
  return "";
}

}  // namespace

result<int> execute(const WhatIfOptions& options, Session& session) {
  STELE_TRY(auto edits, edits_of(options));
  STELE_TRY(const bool remote, server_folds(session, options.fold));
  if (remote && options.save.empty()) {
    STELE_TRY(const auto answer,
              post_to_server(session, aggregate_path(options.type, options.id) + "/what-if",
                             what_if_body(options)));
    session.out << answer << '\n';
    return exit_done;
  }
  STELE_TRY(const auto folds, local_folds(options.fold));
  STELE_TRY(const auto* const fold, folds->find(options.type));
  STELE_TRY(const auto source, open_source(session));
  STELE_TRY(const auto info, source->stream_info(options.type + "-" + options.id));
  std::string bundle;
  STELE_TRY(const auto forked, history::fork_history(*source, *fold, info, std::move(edits), {},
                                                     options.save.empty() ? nullptr : &bundle));
  if (!options.save.empty()) STELE_CHECK(save_bundle(options.save, bundle));
  session.out << history::forked_json(forked) << '\n';
  if (!options.save.empty()) session.err << fmt::format("saved; anywhere: stele replay {}\n", options.save);
  return exit_done;
}

result<int> execute(const ReplayOptions& options, Session& session) {
  return options.code.empty() ? replay_saved(options, session) : replay_builds(options, session);
}

result<int> execute(const RetellOptions& options, Session& session) {
  STELE_TRY(const auto folds, local_folds(options.fold));
  STELE_TRY(const auto* const fold, folds->find(options.type));
  STELE_TRY(const auto source, open_source(session));
  STELE_TRY(const auto info, source->stream_info(options.type + "-" + options.id));
  STELE_TRY(const auto revision, history::revision_at(*source, info, options.at, session.now()));
  if (!revision) return usage_error("at `" + options.at + "` nothing had happened yet");
  STELE_TRY(const auto test,
            history::retold_as_test(*source, *fold, info, *revision, header_of(options.type)));
  session.out << test;
  return exit_done;
}

}  // namespace stele::cli
