// repair.cpp - `stele repair`: tells what can be mended and what cannot; mends only when told --yes.
#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/commands/store_directory.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/verify/repairer.hpp"

namespace stele::cli {
namespace {

const Shape& repair_shape() {
  using enum Column::Kind;
  static const Shape shape{{"repair", "repair", text},
                           {"file", "file", text},
                           {"what", "what", text},
                           {"done", "done", text},
                           {"help", "", text}};
  return shape;
}

std::string repair_record(const Repair& repair) {
  return JsonObject()
      .text("repair", name_of(repair.kind))
      .text("file", repair.file)
      .text("what", one_line(repair.what))
      .boolean("done", repair.done)
      .text("help", "")
      .take();
}

std::string refusal_record(const Refusal& refusal) {
  return JsonObject()
      .text("repair", "none")
      .text("file", refusal.file)
      .text("what", one_line(refusal.what))
      .boolean("done", false)
      .text("help", refusal.help)
      .take();
}

result<void> print_plan(Session& session, const RepairPlan& plan) {
  RecordWriter writer(session, repair_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return {};
  for (const auto& repair : plan.repairs) STELE_CHECK(writer.add(repair_record(repair)));
  for (const auto& refusal : plan.refusals) STELE_CHECK(writer.add(refusal_record(refusal)));
  return writer.finish();
}

std::string repair_verdict(const RepairPlan& plan, bool yes) {
  if (plan.repairs.empty() && plan.refusals.empty()) return "✓ nothing to repair\n";
  std::string text;
  if (!plan.repairs.empty())
    text += fmt::format("{} {}\n", yes ? "✓ made" : "would make", counted(plan.repairs.size(), "repair"));
  if (!plan.repairs.empty() && !yes)
    text += "help:  stele repair --yes makes them; none loses an acknowledged event\n";
  for (const auto& refusal : plan.refusals)
    text += fmt::format("✗ not repaired: {}\n  {}\n  help:  {}\n", refusal.file, one_line(refusal.what),
                        refusal.help);
  return text;
}

}  // namespace

result<int> execute(const RepairOptions& options, Session& session) {
  STELE_TRY(const auto directory, store_directory(session));
  STELE_TRY(auto plan, plan_repairs(directory));
  if (options.yes) STELE_CHECK(make_repairs(directory, plan));
  STELE_CHECK(print_plan(session, plan));
  session.err << repair_verdict(plan, options.yes);
  const bool all_well = plan.refusals.empty() && (options.yes || plan.repairs.empty());
  return all_well ? exit_done : exit_check_failed;
}

}  // namespace stele::cli
