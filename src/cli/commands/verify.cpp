// verify.cpp - `stele verify`: prints what the verifier found, layer by layer, and exits 7 when it found any.
#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/commands/store_directory.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/verify/verifier.hpp"

namespace stele::cli {
namespace {

const Shape& layer_shape() {
  using enum Column::Kind;
  static const Shape shape{
      {"layer", "layer", text}, {"ok", "ok", text}, {"summary", "summary", text}, {"findings", "", payload}};
  return shape;
}

std::string place_text(const Finding& finding) {
  std::string text;
  if (finding.first != Position{}) text += fmt::format("p{}", finding.first.value());
  if (finding.last != finding.first) text += fmt::format("..p{}", finding.last.value());
  if (!finding.stream.empty()) text += fmt::format("  {}", finding.stream);
  if (!finding.file.empty()) text += fmt::format("  {}", finding.file);
  return text;
}

// Zero and empty mean "not known", as in Finding.
std::string findings_json(const Layer& layer) {
  std::string json = "[";
  for (const auto& finding : layer.findings) {
    if (json.size() > 1) json += ',';
    json += JsonObject()
                .number("first_position", finding.first.value())
                .number("last_position", finding.last.value())
                .text("stream_id", finding.stream)
                .text("file", finding.file)
                .text("what", finding.what)
                .take();
  }
  return json + ']';
}

result<void> print_records(Session& session, const Verification& verification) {
  RecordWriter writer(session, layer_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return {};
  for (const auto& layer : verification.layers) {
    STELE_CHECK(writer.add(JsonObject()
                               .text("layer", layer.name)
                               .boolean("ok", layer.findings.empty())
                               .text("summary", layer.summary)
                               .raw("findings", findings_json(layer))
                               .take()));
  }
  return writer.finish();
}

// Findings may quote bytes of a damaged file: they are made harmless for the terminal.
void print_layers(Session& session, const Verification& verification) {
  for (const auto& layer : verification.layers) {
    session.out << fmt::format("  {:<10}  {}  {}\n", layer.name, layer.findings.empty() ? "ok " : "BAD",
                               layer.summary);
    for (const auto& finding : layer.findings)
      session.out << one_line(fmt::format("    ✗ {}  {}", place_text(finding), finding.what)) << '\n';
    if (layer.more > 0) session.out << fmt::format("    and {} more\n", grouped(layer.more));
  }
}

std::string verdict(const Verification& verification, double seconds) {
  const auto rate = byte_size(static_cast<std::uint64_t>(static_cast<double>(verification.bytes) / seconds));
  return fmt::format("{} in {}, {}/s\n", verification.ok() ? "✓ verified" : "✗ damage found",
                     duration_text(seconds), rate);
}

}  // namespace

result<int> execute(const VerifyOptions&, Session& session) {
  STELE_TRY(const auto dir, store_directory(session));
  const auto begin = session.now();
  STELE_TRY(const auto verification, verify_store(dir));
  const auto seconds = std::chrono::duration<double>(session.now() - begin).count();
  if (session.format() == Format::table && !session.common.choose_fields) {
    print_layers(session, verification);
    session.out.flush();
  } else {
    STELE_CHECK(print_records(session, verification));
  }
  session.err << verdict(verification, std::max(seconds, 1e-6));
  return verification.ok() ? exit_done : exit_check_failed;
}

}  // namespace stele::cli
