@ocpp16 @core @charge-point @offline @resend
Feature: Transaction messages get through
  What the CSMS fails to process is sent again, as it was, not at once and not for ever.

  Background:
    Given a charge point that is booted and idle

  Scenario: A transaction message that the CSMS cannot process is sent again
    Given the setting TransactionMessageRetryInterval is 1
    And the setting TransactionMessageAttempts is 3
    And the CSMS cannot process the next StartTransaction
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
    And it sends the same StartTransaction again

  Scenario: The end of a session that the CSMS cannot process is sent again
    Given the setting TransactionMessageRetryInterval is 1
    And the setting TransactionMessageAttempts is 3
    And a session with the known tag runs on connector 1
    And the CSMS cannot process the next StopTransaction
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And it sends the same StopTransaction again
    And before or after that, it may report connector 1 as Finishing

  Scenario: Readings that the CSMS cannot process are sent again
    Given the setting TransactionMessageRetryInterval is 1
    And the setting TransactionMessageAttempts is 3
    And the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 2
    And a session with the known tag runs on connector 1
    And the CSMS can process no MeterValues
    Then it sends meter values that the CSMS cannot process, and the same again

  Scenario: A message that the CSMS never processes is given up, and the next session begins
    Given the setting TransactionMessageRetryInterval is 1
    And the setting TransactionMessageAttempts is 3
    And the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 0
    And a session with the known tag runs on connector 1
    And the CSMS can process no StopTransaction
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And it may report connector 1 as Finishing
    And it sends the same StopTransaction 2 more times, each time 1 second later than the time before
    And it sends no StopTransaction for 5 seconds
    When the CSMS can process each StopTransaction again
    And the driver unplugs at the car on connector 1
    Then it reports connector 1 as Available
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it may ask about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  Scenario: The end of a session that was not answered survives a reset
    Given the setting TransactionMessageRetryInterval is 1
    And the setting TransactionMessageAttempts is 3
    And a session with the known tag runs on connector 1
    And the CSMS does not answer the next StopTransaction
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And it may report connector 1 as Finishing
    When the CSMS sends Reset
      | type | Hard |
    Then it answers Accepted
    And it may report connector 1 as Finishing
    And it boots and sends the same StopTransaction again, in any order
    And it reports connector 1 as Finishing or Preparing and the others as Available

  Scenario: The end of a session whose answer was lost with the line is told again
    Given the setting TransactionMessageRetryInterval is 1
    And the setting TransactionMessageAttempts is 3
    And a session with the known tag runs on connector 1
    And the CSMS does not answer the next StopTransaction
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And it may report connector 1 as Finishing
    When the charge point loses its connection for 2 seconds
    Then it may report connector 1 as Finishing
    And it sends the same StopTransaction again
