// inspect_index.cpp - one line for the file, one per segment and one per section.
#include "engine/index/inspect_index.hpp"

#include <array>

#include "engine/index/sealed_part.hpp"
#include "engine/log/inspect_lines.hpp"

namespace stele::engine {
namespace {

constexpr std::array<std::string_view, layout::section_kinds + 1> section_names{
    "unknown",     "segments",    "offsets", "types", "categories", "type_names", "category_names", "terms",
    "term_places", "term_hashes", "filter",  "ids",   "id_filter",  "times",      "checksums"};

std::string_view name_of(layout::Section section) {
  const auto number = static_cast<std::size_t>(section);
  return section_names[number < section_names.size() ? number : 0];
}

void show_header(const SealedPart& part, log::InspectForm form, const log::LineSink& out) {
  const auto& header = part.file().header();
  log::InspectLine line(form, "index");
  line.with("file", part.file().path().string())
      .with("store", stele::to_string(header.store))
      .with("first", header.first.value())
      .with("last", header.last.value())
      .with("last_recorded_at", stele::to_string(header.last_recorded_at))
      .with("size", header.file_bytes)
      .with("terms", part.terms())
      .with("streams", part.file().place(layout::Section::term_places).parameter);
  out(std::move(line).finish());
}

void show_contents(const SealedPart& part, log::InspectForm form, const log::LineSink& out) {
  for (const auto& segment : part.segments()) {
    log::InspectLine line(form, "covers");
    line.with("first", segment.first.value())
        .with("end", segment.end)
        .with("salt", segment.salt)
        .with("frames", segment.frames)
        .with("events", segment.events);
    out(std::move(line).finish());
  }
  for (const auto& [kind, place] : part.file().header().sections) {
    log::InspectLine line(form, "section");
    line.with("name", name_of(kind))
        .with("offset", place.offset)
        .with("size", place.size)
        .with("parameter", place.parameter);
    out(std::move(line).finish());
  }
}

}  // namespace

result<std::string> inspect_index_file(const io::File& file, log::InspectForm form,
                                       const log::LineSink& out) {
  const auto part = SealedPart::open(file);
  if (!part && part.error().kind() != errc::corrupt) return part.error();
  if (!part) return part.error().message();
  show_header(**part, form, out);
  show_contents(**part, form, out);
  const auto verified = (*part)->file().verify();
  return verified ? std::string() : verified.error().message();
}

}  // namespace stele::engine
