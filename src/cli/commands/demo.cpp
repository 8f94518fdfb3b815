// demo.cpp - `stele demo`: the bank of examples/bank with half a year of history, the shop and the crm beside it,
// served until a signal comes.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <ostream>

#include "bank/bank.hpp"
#include "bank/seed.hpp"
#include "bank/traffic.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/listen.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "crm/crm.hpp"
#include "shop/shop.hpp"

namespace stele::cli {
namespace {

// The directory that was named, or a new one that goes away with this object.
class DemoDirectory {
 public:
  static result<DemoDirectory> choose(const std::string& named) {
    if (!named.empty()) return DemoDirectory(named, false);
    auto pattern = (std::filesystem::temp_directory_path() / "stele-demo-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      return Error(errc::unavailable, "no temporary directory can be made: " + pattern)
          .help("name a directory with --dir, or set TMPDIR");
    return DemoDirectory(pattern, true);
  }
  DemoDirectory(DemoDirectory&& other) noexcept
      : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, false)) {}
  DemoDirectory& operator=(DemoDirectory&&) = delete;
  ~DemoDirectory() {
    std::error_code ignored;
    if (temporary_) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool temporary() const { return temporary_; }

 private:
  DemoDirectory(std::filesystem::path path, bool temporary) : path_(std::move(path)), temporary_(temporary) {}
  std::filesystem::path path_;
  bool temporary_;
};

constexpr std::string_view invitation = R"(stele {version} demo: {kept}

  HTTP     {url}
  Metrics  {url}/metrics
  Data     {dir}
  Log      {events} events ({written} of them seeded now); traffic: {traffic}

Five things to try, from another terminal:

  1  curl {url}/api/accounts/acct-42/summary
  2  curl '{url}/api/accounts/acct-42/summary?as_of=2026-03-01'
  3  curl {url}/api/transfers -d '{{"fromAccountId":"acct-42","toAccountId":"acct-99","amount":"500.00",)"
                                        R"("description":"Rent payment"}}'
  4  stele debug BankAccount acct-13 --until 'balance < 0' --url {url} -o table      below zero: what happened?
  5  stele tail --url {url}

Ctrl-C stops it.
)";

struct Announcement {
  std::string url;
  const DemoDirectory& directory;
  std::uint64_t written;
  Head head;
  bool traffic;
};

// People get addresses and something to do, programs one record with the port that was really taken.
void announce_demo(Session& session, const Announcement& what) {
  const auto dir = what.directory.path().string();
  if (session.format() == Format::table) {
    session.out << fmt::format(
        invitation, fmt::arg("version", STELE_VERSION),
        fmt::arg("kept", what.directory.temporary() ? "gone on exit (keep it with --dir DIRECTORY)" : "kept"),
        fmt::arg("url", what.url), fmt::arg("dir", dir), fmt::arg("events", grouped(what.head.events)),
        fmt::arg("written", grouped(what.written)),
        fmt::arg("traffic", what.traffic ? "2 commands/s" : "none"));
  } else if (session.format() != Format::none) {
    session.out << JsonObject()
                       .text("url", what.url)
                       .text("dir", dir)
                       .number("position", what.head.position.value())
                       .number("seeded", what.written)
                       .take()
                << '\n';
  }
  session.out.flush();
}

// So that the first question finds an answer. A model that is slow or has failed is no reason not to start: its
// answers and /readyz say so.
void wait_for_models(const bank::Bank& bank, Position head) {
  for (auto* runner : bank.projections().runners()) (void)runner->wait(head, std::chrono::seconds(20));
}

bank::Side side_of(const std::string& word) {
  if (word == "both") return bank::Side::both;
  return word == "commands" ? bank::Side::commands : bank::Side::queries;
}

// How many events of the bank's history were written; 0 when they are there, or are another process's business.
result<std::uint64_t> seed_all(EventStore& store, const DemoOptions& options, bank::Side side) {
  if (side == bank::Side::queries) return 0;
  STELE_TRY(const auto written, bank::seed(store, options.seed));
  STELE_CHECK(crm::seed(store));
  STELE_CHECK(shop::seed(store));
  return written;
}

// The shop and the crm: they answer commands and queries in one process only.
struct Neighbours {
  std::unique_ptr<shop::Shop> shop;
  std::unique_ptr<crm::Crm> crm;

  result<void> move_in(EventStore& store, const std::filesystem::path& models, App& app) {
    STELE_TRY(shop, shop::Shop::open(store, models));
    STELE_TRY(crm, crm::Crm::open(store, models));
    shop->attach(app);
    crm->attach(app);
    return {};
  }
};

}  // namespace

result<int> execute(const DemoOptions& options, Session& session) {
  STELE_TRY(auto listening, parse_listen(options.listen));
  listening.log_requests = false;
  STELE_TRY(const auto directory, DemoDirectory::choose(session.common.place.dir));
  if (!options.tokens.empty()) {
    STELE_TRY(listening.tokens, read_tokens(options.tokens));
  }
  const auto side = side_of(options.side);
  if (side == bank::Side::queries && directory.temporary())
    return usage_error("the side of the queries follows a store that another process writes")
        .help("name its directory with --dir");
  const auto access = side == bank::Side::queries ? Access::read_only : Access::read_write;
  STELE_TRY(const auto store, open(directory.path(), {.access = access}));
  session.handles_stop();
  STELE_TRY(const auto written, seed_all(*store, options, side));
  STELE_TRY(const auto bank,
            bank::Bank::open(
                *store, directory.path() / "models",
                {.side = side, .hold_back = options.projection_delay, .watch_after = bank::base_date}));
  wait_for_models(*bank, store->head().position);
  App app("bank", STELE_VERSION);
  bank->attach(app);
  Neighbours neighbours;
  if (side == bank::Side::both) STELE_CHECK(neighbours.move_in(*store, directory.path() / "models", app));
  listening.models = directory.path() / "models" / "declared";
  STELE_TRY(const auto server, Server::start(*store, &app, listening));
  std::optional<bank::Traffic> traffic;
  if (options.traffic && side != bank::Side::queries)
    traffic.emplace(*store, bank::TrafficOptions{.seed = options.seed});
  announce_demo(session,
                {address_of(listening, server->port()), directory, written, store->head(), options.traffic});
  wait_for_stop(session);
  traffic.reset();
  server->stop();
  return exit_done;
}

}  // namespace stele::cli
