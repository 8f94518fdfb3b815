// Base tools: text forms, ids, checksums, base64.
#include <gtest/gtest.h>

#include <random>

#include "base/base64.hpp"
#include "base/crc32c.hpp"
#include "base/json_text.hpp"
#include "base/sha.hpp"
#include "base/utf8.hpp"
#include "stele/types.hpp"

namespace stele {
namespace {

TEST(Time, prints_rfc3339_with_six_digits_and_reads_it_back) {
  const auto time = Timestamp(std::chrono::microseconds(1'772'359'200'000'001));
  EXPECT_EQ(to_string(time), "2026-03-01T10:00:00.000001Z");
  EXPECT_EQ(parse_time("2026-03-01T10:00:00.000001Z"), time);
}

TEST(Time, accepts_short_forms_and_offsets) {
  const auto ten = parse_time("2026-03-01T10:00:00Z");
  ASSERT_TRUE(ten);
  EXPECT_EQ(parse_time("2026-03-01T10:00Z"), ten);
  EXPECT_EQ(parse_time("2026-03-01T10:00:00.0Z"), ten);
  EXPECT_EQ(parse_time("2026-03-01T12:00:00+02:00"), ten);
  EXPECT_EQ(parse_time("2026-03-01T04:30-05:30"), ten);
  EXPECT_EQ(parse_time("2026-03-01"), parse_time("2026-03-01T00:00Z"));
}

TEST(Time, round_trips_over_the_whole_range) {
  std::mt19937_64 random(42);
  for (int i = 0; i < 10'000; ++i) {
    const auto first = -62'167'219'200'000'000;  // year 0
    const auto micros = first + static_cast<std::int64_t>(random() % 315'569'520'000'000'000);
    const Timestamp time{std::chrono::microseconds(micros)};
    EXPECT_EQ(parse_time(to_string(time)), time);
  }
}

class NotATime : public testing::TestWithParam<const char*> {};
TEST_P(NotATime, is_refused) { EXPECT_FALSE(parse_time(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Time, NotATime,
                         testing::Values("", "2026", "2026-02-30", "2026-13-01", "2026-03-01T",
                                         "2026-03-01T10", "2026-03-01T10:00", "2026-03-01T24:00Z",
                                         "2026-03-01T10:60Z", "2026-03-01T10:00:00.Z",
                                         "2026-03-01T10:00:00.1234567Z", "2026-03-01 10:00Z",
                                         "2026-03-01T10:00:00Zx", "2026-03-01T10:00:00+2:00", "-026-03-01"));

TEST(Ids, text_form_round_trips_in_either_case) {
  const auto id = Uuid::random();
  EXPECT_EQ(parse_uuid(to_string(id)), id);
  EXPECT_EQ(parse_uuid("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"),
            parse_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
  EXPECT_FALSE(parse_uuid("6ba7b8109dad11d180b400c04fd430c8"));
  EXPECT_FALSE(parse_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430cg"));
  EXPECT_FALSE(parse_uuid(""));
}

TEST(Ids, name_based_ids_follow_rfc_9562) {
  const auto dns = *parse_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_EQ(to_string(Uuid::from_name(dns, "www.example.com")), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(Ids, random_ids_are_version_7_and_differ) {
  const auto one = Uuid::random();
  const auto two = Uuid::random();
  EXPECT_NE(one, two);
  EXPECT_EQ(one.bytes()[6] >> 4, 7);
  EXPECT_EQ(one.bytes()[8] >> 6, 2);
}

TEST(Crc32c, has_the_published_check_value) {
  EXPECT_EQ(base::crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(base::crc32c_portable("123456789"), 0xE3069283u);
  EXPECT_EQ(base::crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720 B.4
}

TEST(Crc32c, hardware_and_table_agree_at_every_length_and_seed) {
  std::mt19937_64 random(7);
  std::string bytes(5000, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  for (std::size_t size = 0; size <= bytes.size(); size += size < 1000 ? 1 : 97) {
    const auto part = std::string_view(bytes).substr(bytes.size() - size);
    const auto seed = static_cast<std::uint32_t>(random());
    ASSERT_EQ(base::crc32c(part, seed), base::crc32c_portable(part, seed)) << size;
    ASSERT_EQ(base::crc32c(part.substr(size / 3), base::crc32c(part.substr(0, size / 3), seed)),
              base::crc32c(part, seed));
  }
}

TEST(Base64, round_trips_every_length_and_refuses_the_rest) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(base::from_base64(base::to_base64(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(base::to_base64("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
  for (const char* bad : {"A", "AB", "ABC", "A===", "AB=C", "AB==AB==", "AB C", "AB==\n", "AC==", "ABD="}) {
    const auto read = base::from_base64(bad);
    EXPECT_TRUE(!read || base::to_base64(*read) == bad) << bad;
  }
  EXPECT_FALSE(base::from_base64("AB=C"));
  EXPECT_FALSE(base::from_base64("AB=="));  // the spare bits are not zero
}

TEST(JsonText, escapes_what_must_be_escaped_and_nothing_else) {
  EXPECT_EQ(base::json_string("a\"b\\c\n\t\x01/\u00e9"), "\"a\\\"b\\\\c\\n\\t\\u0001/\u00e9\"");
  EXPECT_EQ(base::json_string(""), "\"\"");
}

TEST(Sha, known_answers) {
  EXPECT_EQ(base::sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Utf8, malformed_and_control_characters_are_found) {
  EXPECT_TRUE(base::is_clean_utf8("Zürich ✓"));
  EXPECT_FALSE(base::is_clean_utf8("a\nb"));
  EXPECT_FALSE(base::is_clean_utf8("\x7f"));
  EXPECT_FALSE(base::is_utf8("\xc0\xaf"));          // overlong
  EXPECT_FALSE(base::is_utf8("\xed\xa0\x80"));      // surrogate
  EXPECT_FALSE(base::is_utf8("\xf5\x80\x80\x80"));  // beyond U+10FFFF
  EXPECT_FALSE(base::is_utf8("\xe2\x82"));          // cut off
}

}  // namespace
}  // namespace stele
