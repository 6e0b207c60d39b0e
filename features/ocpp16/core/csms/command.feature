@ocpp16 @core @csms @driver @command
Feature: The CSMS sends what its operator wants, and copes with every answer

  Background:
    Given a charge point that the CSMS has accepted

  @TC_010_CSMS
  Scenario: A remote start after the cable
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When the operator has the CSMS send RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then the CSMS sends that command
    When it answers Accepted
    And it asks about the known tag
    Then the CSMS answers that the tag is Accepted
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it reports connector 1 as Charging
    Then the CSMS acknowledges

  @TC_011_1_CSMS
  Scenario: A remote start before the cable
    When the operator has the CSMS send RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then the CSMS sends that command
    When it answers Accepted
    And it asks about the known tag
    Then the CSMS answers that the tag is Accepted
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it reports connector 1 as Charging
    Then the CSMS acknowledges

  @TC_011_2_CSMS
  Scenario: A remote start that lapses
    When the operator has the CSMS send RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then the CSMS sends that command
    When it answers Accepted
    And it asks about the known tag
    Then the CSMS answers that the tag is Accepted
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When it reports connector 1 as Available
    Then the CSMS acknowledges

  @TC_026_CSMS
  Scenario: A remote start that is refused leaves everything free
    When the operator has the CSMS send RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then the CSMS sends that command
    When it answers Rejected
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then the CSMS sends that command
    When it answers Accepted
    And it asks about the known tag
    Then the CSMS answers that the tag is Accepted
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id

  @TC_012_CSMS
  Scenario: A remote stop
    Given a session with the known tag runs on connector 1
    When the operator has the CSMS send RemoteStopTransaction
      | transactionId | the transaction |
    Then the CSMS sends that command
    When it answers Accepted
    And it stops the transaction because of Remote
    Then the CSMS acknowledges the end of the transaction
    When it reports connector 1 as Finishing
    Then the CSMS acknowledges
    When it reports connector 1 as Available
    Then the CSMS acknowledges

  @TC_028_CSMS
  Scenario: A remote stop that is refused ends nothing
    Given a session with the known tag runs on connector 1
    When the operator has the CSMS send RemoteStopTransaction
      | transactionId | the transaction |
    Then the CSMS sends that command
    When it answers Rejected
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send RemoteStopTransaction
      | transactionId | the transaction |
    Then the CSMS sends that command
    When it answers Accepted
    And it stops the transaction because of Remote
    Then the CSMS acknowledges the end of the transaction

  @TC_013_CSMS
  Scenario: A hard reset
    When the operator has the CSMS send Reset
      | type | Hard |
    Then the CSMS sends that command
    When it answers Accepted
    And it loses its connection and connects again
    And it boots
    Then the CSMS answers Accepted with its clock and an interval
    When it reports connector 0 as Available
    Then the CSMS acknowledges
    When it reports connector 1 as Available
    Then the CSMS acknowledges
    When it reports connector 2 as Available
    Then the CSMS acknowledges

  @TC_014_CSMS
  Scenario: A soft reset
    When the operator has the CSMS send Reset
      | type | Soft |
    Then the CSMS sends that command
    When it answers Accepted
    And it loses its connection and connects again
    And it boots
    Then the CSMS answers Accepted with its clock and an interval
    When it reports connector 0 as Available
    Then the CSMS acknowledges
    When it reports connector 1 as Available
    Then the CSMS acknowledges
    When it reports connector 2 as Available
    Then the CSMS acknowledges

  @TC_017_1_CSMS
  Scenario: An idle connector is unlocked
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers Unlocked
    Then the CSMS sends nothing more and still serves

  @TC_017_2_CSMS
  Scenario: A fixed cable has nothing to unlock
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers NotSupported
    Then the CSMS sends nothing more and still serves

  @TC_018_1_CSMS
  Scenario: Unlocking ends the session
    Given a session with the known tag runs on connector 1
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers Unlocked
    And it reports connector 1 as Finishing
    Then the CSMS acknowledges
    When it stops the transaction because of UnlockCommand
    Then the CSMS acknowledges the end of the transaction
    When it reports connector 1 as Available
    Then the CSMS acknowledges

  @TC_030_CSMS
  Scenario: A jammed lock
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers UnlockFailed
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers Unlocked
    Then the CSMS sends nothing more and still serves

  @TC_031_CSMS
  Scenario: A connector that is not there
    When the operator has the CSMS send UnlockConnector, if it can
      | connectorId | a connector that is not there |
    Then the CSMS sends that command
    When it answers NotSupported
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers Unlocked

  @TC_019_1_CSMS
  Scenario: The whole configuration is read
    When the operator has the CSMS send GetConfiguration
    Then the CSMS sends that command
    When it answers with its configuration
    Then the CSMS sends nothing more and still serves

  @TC_019_2_CSMS
  Scenario: One key is read
    When the operator has the CSMS send GetConfiguration
      | key | ["SupportedFeatureProfiles"] |
    Then the CSMS sends that command
    When it answers with its configuration
    Then the CSMS sends nothing more and still serves

  @TC_021_CSMS
  Scenario: A key is written
    When the operator has the CSMS send ChangeConfiguration
      | key   | MeterValueSampleInterval |
      | value | "20"                     |
    Then the CSMS sends that command
    When it answers Accepted
    Then the CSMS sends nothing more and still serves

  @TC_040_1_CSMS
  Scenario: A key that the charge point does not know
    When the operator has the CSMS send ChangeConfiguration
      | key   | LightIntensity |
      | value | "50"           |
    Then the CSMS sends that command
    When it answers NotSupported
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send ChangeConfiguration
      | key   | MeterValueSampleInterval |
      | value | "60"                     |
    Then the CSMS sends that command
    When it answers Accepted

  @TC_040_2_CSMS
  Scenario: A value that the charge point refuses
    When the operator has the CSMS send ChangeConfiguration
      | key   | MeterValueSampleInterval |
      | value | "20"                     |
    Then the CSMS sends that command
    When it answers Rejected
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send ChangeConfiguration
      | key   | MeterValueSampleInterval |
      | value | "60"                     |
    Then the CSMS sends that command
    When it answers Accepted

  @TC_061_CSMS
  Scenario: The authorization cache is cleared
    When the operator has the CSMS send ClearCache
    Then the CSMS sends that command
    When it answers Accepted
    Then the CSMS sends nothing more and still serves

  Scenario: A command that is answered with an error
    When the operator has the CSMS send ClearCache
    Then the CSMS sends ClearCache
    When it answers with the error NotSupported
    Then the CSMS sends nothing more and still serves

  Scenario: The next command waits for the answer to the one before
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    And the operator has the CSMS send ClearCache
    Then the CSMS sends UnlockConnector or ClearCache, and one alone
    When it answers both in turn
    Then the CSMS sends nothing more and still serves

  Scenario: A command in the middle of a call does not disturb it
    When it is sent a command while it asks about the known tag
    Then both are answered

  Scenario: A connector goes out of service, whatever the charge point answers
    When the operator has the CSMS send ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then the CSMS sends that command
    When it answers Accepted
    And it reports connector 1 as Unavailable
    Then the CSMS acknowledges
    When the operator has the CSMS send ChangeAvailability
      | connectorId | 1         |
      | type        | Operative |
    Then the CSMS sends that command
    When it answers Rejected
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send ChangeAvailability
      | connectorId | 0           |
      | type        | Inoperative |
    Then the CSMS sends that command
    When it answers Scheduled
    Then the CSMS sends nothing more and still serves

  Scenario: Whatever word answers a command, the next one follows
    When the operator has the CSMS send ChangeConfiguration
      | key   | MeterValueSampleInterval |
      | value | "20"                     |
    Then the CSMS sends that command
    When it answers RebootRequired
    And the operator has the CSMS send ClearCache
    Then the CSMS sends that command
    When it answers Rejected
    And the operator has the CSMS send Reset
      | type | Soft |
    Then the CSMS sends that command
    When it answers Rejected
    And the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers Unlocked
    Then the CSMS sends nothing more and still serves

  Scenario: Data of a vendor go to the charge point and may be refused
    When the operator has the CSMS send DataTransfer, if it can
      | vendorId  | org.example.nobody |
      | messageId | Hello              |
      | data      | anything           |
    Then the CSMS sends that command
    When it answers UnknownVendorId
    Then the CSMS sends nothing more and still serves

  Scenario: A command that waits for its answer holds up nothing
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it reports connector 1 as Preparing
    Then the CSMS acknowledges
    When it sends Heartbeat
    Then the CSMS answers with its clock
    When it answers Unlocked
    Then the CSMS sends nothing more and still serves

  Scenario: A key that the charge point does not know is read
    When the operator has the CSMS send GetConfiguration
      | key | ["LightIntensity"] |
    Then the CSMS sends that command
    When it answers with its configuration
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send GetConfiguration
      | key | ["HeartbeatInterval"] |
    Then the CSMS sends that command
    When it answers with its configuration
    Then the CSMS sends nothing more and still serves

  Scenario: Whatever error answers a command, the next one follows
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers with the error InternalError
    And the operator has the CSMS send Reset
      | type | Soft |
    Then the CSMS sends that command
    When it answers with the error GenericError
    And the operator has the CSMS send GetConfiguration
      | key | ["HeartbeatInterval"] |
    Then the CSMS sends that command
    When it answers with the error NotImplemented
    And the operator has the CSMS send ClearCache
    Then the CSMS sends that command
    When it answers Accepted
    Then the CSMS sends nothing more and still serves
