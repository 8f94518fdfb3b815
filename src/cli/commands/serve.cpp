// serve.cpp - `stele serve`: a store directory behind HTTP until a signal comes.
#include <fmt/format.h>

#include <filesystem>
#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/listen.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "history/folds.hpp"

namespace stele::cli {
namespace {

// People get aligned addresses, programs one record with the port that was really taken.
void announce(Session& session, const std::string& url, const std::string& dir, const Head& head) {
  if (session.format() == Format::none) return;
  if (session.format() == Format::table) {
    session.out << fmt::format("stele " STELE_VERSION
                               "\n\n  HTTP     {0}\n  Metrics  {0}/metrics\n  Data     {1}\n"
                               "  Log      {2} events\n\nCtrl-C stops it.\n",
                               url, dir, grouped(head.events));
  } else {
    session.out
        << JsonObject().text("url", url).text("dir", dir).number("position", head.position.value()).take()
        << '\n';
  }
  session.out.flush();
}

}  // namespace

result<int> execute(const ServeOptions& options, Session& session) {
  STELE_TRY(auto listening, parse_listen(options.listen));
  listening.allow_insecure = options.allow_insecure;
  auto dir = session.common.place.dir;
  if (dir.empty()) dir = setting(session, "STELE_DIR").value_or("");
  if (dir.empty())
    return usage_error("no store directory was named").help("give --dir DIRECTORY, or set STELE_DIR");
  if (!options.tokens.empty()) {
    STELE_TRY(listening.tokens, read_tokens(options.tokens));
  }
  STELE_TRY(const auto store,
            open(dir, {.access = options.read_only ? Access::read_only : Access::read_write}));
  listening.models = std::filesystem::path(dir) / "models" / "declared";
  listening.projections = options.projections;
  App folding("stele", STELE_VERSION);  // only what the fold file says
  if (!options.fold.empty()) {
    STELE_TRY(auto declared, history::declared_aggregates(options.fold));
    folding.aggregates(std::move(declared));
  }
  STELE_TRY(const auto server, Server::start(*store, options.fold.empty() ? nullptr : &folding, listening));
  session.handles_stop();
  announce(session, address_of(listening, server->port()), dir, store->head());
  wait_for_stop(session);
  server->stop();
  return exit_done;
}

}  // namespace stele::cli
