@ocpp16 @core @csms @session
Feature: The CSMS keeps the books of a session

  Background:
    Given a charge point that the CSMS has accepted

  @TC_003_CSMS
  Scenario: Cable first, then identification
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When it asks about the known tag
    Then the CSMS answers that the tag is Accepted
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it reports connector 1 as Charging
    Then the CSMS acknowledges

  @TC_004_1_CSMS
  Scenario: Identification first, then the cable
    When it asks about the known tag
    Then the CSMS answers that the tag is Accepted
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it reports connector 1 as Charging
    Then the CSMS acknowledges

  @TC_004_2_CSMS
  Scenario: Identification without a cable lapses
    When it asks about the known tag
    Then the CSMS answers that the tag is Accepted
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When it reports connector 1 as Available
    Then the CSMS acknowledges

  @TC_005_1_CSMS
  Scenario: Unplugging at the car ends the session
    Given a session with the known tag runs on connector 1
    When it reports connector 1 as SuspendedEV
    Then the CSMS acknowledges
    When it stops the transaction because of EVDisconnected
    Then the CSMS acknowledges the end of the transaction
    When it reports connector 1 as Finishing
    Then the CSMS acknowledges
    When it reports connector 1 as Available
    Then the CSMS acknowledges

  @TC_007_CSMS
  Scenario: A session can start without a question
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it reports connector 1 as Charging
    Then the CSMS acknowledges

  @TC_023_1_CSMS
  Scenario: An unknown tag is invalid
    When it asks about the unknown tag
    Then the CSMS answers that the tag is Invalid
    When it sends Heartbeat
    Then the CSMS answers with its clock

  @TC_023_2_CSMS
  Scenario: An expired tag is expired
    When it asks about the expired tag
    Then the CSMS answers that the tag is Expired
    When it sends Heartbeat
    Then the CSMS answers with its clock

  @TC_023_3_CSMS
  Scenario: A blocked tag is blocked
    When it asks about the blocked tag
    Then the CSMS answers that the tag is Blocked
    When it sends Heartbeat
    Then the CSMS answers with its clock

  Scenario: A tag means the same in upper and lower case
    When it asks about the known tag in lower case
    Then the CSMS answers that the tag is Accepted
    When it starts a transaction on connector 1 with the known tag in lower case
    Then the CSMS answers that the tag is Accepted and gives a transaction id

  Scenario: A blocked tag is blocked in lower case too
    When it asks about the blocked tag in lower case
    Then the CSMS answers that the tag is Blocked
    When it starts a transaction on connector 1 with the blocked tag in lower case
    Then the CSMS answers that the tag is Blocked and gives a transaction id

  @recommended
  Scenario: A tag is not refused for the session that it runs itself
    Given a session with the known tag runs on connector 1
    When it asks about the known tag
    Then the CSMS answers that the tag is Accepted

  @TC_024_CSMS
  Scenario: A lock that failed is acknowledged
    When it asks about the known tag
    Then the CSMS answers that the tag is Accepted
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When it reports connector 1 as Faulted with ConnectorLockFailure
    Then the CSMS acknowledges

  @TC_032_1_CSMS
  Scenario: A session that a power cut ended is closed after the boot
    Given a session with the known tag runs on connector 1
    When it loses its connection and connects again
    And it boots
    Then the CSMS answers Accepted with its clock and an interval
    When it reports connector 1 as Finishing
    Then the CSMS acknowledges
    When it reports connector 2 as Available
    Then the CSMS acknowledges
    When it stops the transaction because of PowerLoss
    Then the CSMS acknowledges the end of the transaction

  @TC_037_1_CSMS
  Scenario: A session that began during an outage is booked afterwards
    When it starts a transaction on connector 1 with the known tag, begun 10 minutes ago
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it reports connector 1 as Charging
    Then the CSMS acknowledges

  @TC_037_3_CSMS
  Scenario: A session of an unknown tag that began during an outage is booked and refused
    When it starts a transaction on connector 1 with the unknown tag, begun 10 minutes ago
    Then the CSMS answers that the tag is Invalid and gives a transaction id
    When it reports connector 1 as Charging
    Then the CSMS acknowledges
    When it stops the transaction because of DeAuthorized
    Then the CSMS acknowledges the end of the transaction
    When it reports connector 1 as Finishing
    Then the CSMS acknowledges

  Scenario Outline: A session of the <tag> tag is booked and refused, told at once or later
    When it starts a transaction on connector 1 with the <tag> tag
    Then the CSMS answers that the tag is <word> and gives a transaction id
    When it stops the transaction because of DeAuthorized
    Then the CSMS acknowledges the end of the transaction
    When it starts a transaction on connector 1 with the <tag> tag, begun 10 minutes ago
    Then the CSMS answers that the tag is <word> and gives a transaction id
    When it stops the transaction because of DeAuthorized, ended 5 minutes ago
    Then the CSMS acknowledges the end of the transaction

    Examples:
      | tag     | word    |
      | blocked | Blocked |
      | expired | Expired |

  @TC_039_CSMS
  Scenario: A whole session during an outage is booked afterwards
    When it starts a transaction on connector 1 with the known tag, begun 10 minutes ago
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it stops the transaction because of Local with the known tag, ended 5 minutes ago
    Then the CSMS acknowledges the end of the transaction

  Scenario: A whole session during an outage is booked with its meter values
    When it starts a transaction on connector 1 with the known tag, begun 40 minutes ago
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it sends meter values of the transaction, taken 30 minutes ago
    Then the CSMS acknowledges
    When it sends meter values of the transaction, taken 20 minutes ago
    Then the CSMS acknowledges
    When it stops the transaction because of Local with the known tag, ended 10 minutes ago
    Then the CSMS acknowledges the end of the transaction

  Scenario: A stop with another tag than the one that started is acknowledged
    Given a session with the known tag runs on connector 1
    When it stops the transaction because of Local with the unknown tag
    Then the CSMS acknowledges the end of the transaction

  @robustness
  Scenario: A start that is told twice is one transaction
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it tells the same start once more
    Then the CSMS gives the same transaction id
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When it tells the same stop once more
    Then the CSMS acknowledges the end of the transaction

  Scenario: Two sessions have two transaction ids
    Given a session with the known tag runs on connector 1
    When it starts a transaction on connector 2 with the known tag
    Then the CSMS gives another transaction id
    When it sends meter values of the transaction
    Then the CSMS acknowledges
    When it stops every transaction
    Then the CSMS acknowledges each

  Scenario: A second session after the first has another transaction id
    Given a session with the known tag runs on connector 1
    When it stops the transaction because of Local with the known tag
    Then the CSMS acknowledges the end of the transaction
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS gives another transaction id

  Scenario: A session that begins where one was never stopped has another transaction id
    Given a session with the known tag runs on connector 1
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS gives another transaction id
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction

  Scenario: A session after a boot has another transaction id
    Given a session with the known tag runs on connector 1
    When it loses its connection and connects again
    And it boots
    Then the CSMS answers Accepted with its clock and an interval
    When it stops the transaction because of PowerLoss
    Then the CSMS acknowledges the end of the transaction
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS gives another transaction id

  Scenario: The end of a session is taken when its connector is free already
    Given a session with the known tag runs on connector 1
    When it reports connector 1 as Finishing
    Then the CSMS acknowledges
    When it reports connector 1 as Available
    Then the CSMS acknowledges
    When it stops the transaction because of EVDisconnected
    Then the CSMS acknowledges the end of the transaction

  Scenario: A session without energy is booked
    Given a session with the known tag runs on connector 1
    When it stops the transaction where its meter began because of EVDisconnected
    Then the CSMS acknowledges the end of the transaction

  Scenario: A charge point comes back in the middle of a session without a boot
    Given a session with the known tag runs on connector 1
    When it loses its connection and connects again
    And it sends meter values of the transaction
    Then the CSMS acknowledges
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS gives another transaction id

  Scenario: The end of a session that is told twice is acknowledged twice
    Given a session with the known tag runs on connector 1
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When it tells the same stop once more
    Then the CSMS acknowledges the end of the transaction

  Scenario: Readings that are told twice are acknowledged twice
    Given a session with the known tag runs on connector 1
    When it sends meter values of the transaction
    Then the CSMS acknowledges
    When it tells the same readings once more
    Then the CSMS acknowledges

  Scenario: The end of a transaction that nobody knows is acknowledged
    When it stops a transaction that nobody knows
    Then the CSMS acknowledges the end of the transaction

  Scenario: Meter values are acknowledged during a session and outside
    Given a session with the known tag runs on connector 1
    When it sends meter values of the transaction
    Then the CSMS acknowledges
    When it sends meter values outside a transaction
    Then the CSMS acknowledges

  @TC_064_CSMS
  Scenario: Data of a vendor it does not know are refused
    When it sends DataTransfer
      | vendorId | org.example.nobody |
      | data     | anything           |
    Then the CSMS answers UnknownVendorId without data; another word is warned about
