// schema.cpp - `stele schema`: the dry run of the bundled applications over a log. Any other application has the same
// words through stele::schema_command (evolution.hpp).
#include <ostream>

#include "bank/account.hpp"
#include "bank/vigilance.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/report.hpp"
#include "crm/user.hpp"
#include "shop/cart.hpp"
#include "shop/customer.hpp"
#include "shop/order.hpp"
#include "shop/payment.hpp"
#include "shop/product.hpp"
#include "shop/stock.hpp"
#include "stele/evolution.hpp"

namespace stele::cli {
namespace {

// Everything that `stele demo` decides with.
detail::SchemaProgram demo_program() {
  return detail::schema_program<bank::Account, bank::Vigilance, crm::User, shop::Customer, shop::Product,
                                shop::Stock, shop::Order, shop::Payment, shop::Cart>();
}

const Shape& problem_shape() {
  using enum Column::Kind;
  static const Shape shape{{"stream", "stream", text},
                           {"version", "version", number},
                           {"position", "position", number},
                           {"type", "type", text},
                           {"what", "what", text}};
  return shape;
}

result<std::unique_ptr<EventStore>> open_history(const Session& session,
                                                 const detail::SchemaProgram& program) {
  auto dir = session.common.place.dir;
  if (dir.empty()) dir = setting(session, "STELE_DIR").value_or("");
  if (dir.empty())
    return usage_error("no store directory was named").help("give --dir DIRECTORY, or set STELE_DIR");
  return program.open(dir);
}

}  // namespace

result<int> execute(const SchemaCheckOptions& options, Session& session) {
  RecordWriter writer(session, problem_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  const auto program = demo_program();
  STELE_TRY(const auto store, open_history(session, program));
  STELE_TRY(const auto report, detail::check_history(*store, program.kinds, {.digests = options.digests}));
  for (const HistoryProblem& problem : report.problems)
    STELE_CHECK(writer.add(detail::problem_json(problem)));
  STELE_CHECK(writer.finish());
  session.err << detail::summary(report) << '\n';
  return report.good() ? exit_done : exit_check_failed;
}

result<int> execute(const SchemaDigestsOptions& options, Session& session) {
  const auto program = demo_program();
  STELE_TRY(const auto store, open_history(session, program));
  STELE_TRY(const auto written, detail::write_state_digests(*store, program.kinds, options.file));
  session.out << JsonObject().text("file", options.file).number("digests", written).take() << '\n';
  return exit_done;
}

result<int> execute(const SchemaPrintOptions&, Session& session) {
  session.out << demo_program().vocabulary;
  return exit_done;
}

}  // namespace stele::cli
