// record.hpp - keys and values for the key-value engines: an event under its stream and revision, and under its
// position. Big-endian numbers, so that keys sort as numbers do. No store is met here.
#pragma once

#include <string>
#include <string_view>

#include "rival.hpp"

namespace stele::compare {

inline void put_big_endian(std::string& into, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8)
    into += static_cast<char>(number >> static_cast<unsigned>(shift));
}
inline std::uint64_t get_big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, 8)) number = number << 8u | static_cast<unsigned char>(byte);
  return number;
}

// "s" + stream + NUL + revision, "p" + position. The event itself lies under its position; the stream's key leads
// there.
inline std::string stream_prefix(std::string_view stream) {
  std::string key = "s";
  key.append(stream).push_back('\0');
  return key;
}
inline std::string stream_key(std::string_view stream, std::uint64_t revision) {
  auto key = stream_prefix(stream);
  put_big_endian(key, revision);
  return key;
}
inline std::string position_key(std::uint64_t position) {
  std::string key = "p";
  put_big_endian(key, position);
  return key;
}
inline std::string number_value(std::uint64_t number) {
  std::string value;
  put_big_endian(value, number);
  return value;
}

// Length of the stream's name, the name, the id, the type, the payload.
inline std::string event_record(std::string_view stream) {
  std::string record;
  record += static_cast<char>(stream.size());
  record += stream;
  const auto id = fresh_id();
  record.append(id.begin(), id.end()).append(event_type).append(payload());
  return record;
}
inline std::string_view record_stream(std::string_view record) {
  return record.substr(1, static_cast<unsigned char>(record[0]));
}
inline std::string_view record_data(std::string_view record) {
  return record.substr(1 + static_cast<unsigned char>(record[0]) + 16 + event_type.size());
}

}  // namespace stele::compare
