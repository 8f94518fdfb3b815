// A moment of a history, written as a test: compiled and run here as it was written, and still what is written today.
#include "retold_sample.txt"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "history/retelling.hpp"
#include "list_source.hpp"

namespace stele::history::test {
namespace {

TEST(RetoldTest, what_is_compiled_above_is_what_is_written_today) {
  ListSource source;
  source.add("BankAccount-a-1", "AccountCreated", R"({"accountId":"a-1","owner":"Ada \"the first\""})");
  source.add("BankAccount-a-1", "MoneyDeposited",
             R"({"accountId":"a-1","amount":"100.00","description":"salary"})");
  source.add("BankAccount-a-1", "MoneyWithdrawn",
             R"({"accountId":"a-1","amount":"170.00","description":"a bicycle"})",
             R"({"command":"WithdrawMoney"})", "2026-03-01T10:20:01Z");
  const auto fold = account_fold();
  const auto written =
      retold_as_test(source, fold, *source.stream_info("BankAccount-a-1"), Revision(2), "bank/account.hpp");
  ASSERT_TRUE(written) << written.error().to_string();
  std::ifstream file(STELE_SOURCE_DIR "/tests/history/retold_sample.txt", std::ios::binary);
  const std::string compiled{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(*written, compiled);
}

}  // namespace
}  // namespace stele::history::test
