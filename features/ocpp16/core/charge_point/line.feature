@ocpp16 @core @charge-point @line
Feature: The line keeps its rules whatever comes

  Background:
    Given a charge point that is booted and idle

  Scenario: An action that nobody knows is not implemented
    When the CSMS sends an action that nobody knows
    Then it answers with the error NotImplemented

  Scenario: A command that lacks what it needs is refused with the right error
    When the CSMS sends Reset
    Then it answers with the error OccurenceConstraintViolation, FormationViolation or ProtocolError

  Scenario: A command with a word that the standard does not know is refused
    When the CSMS sends Reset
      | type | Gentle |
    Then it answers with the error PropertyConstraintViolation, FormationViolation or TypeConstraintViolation

  @robustness
  Scenario: A text where a number belongs is refused by a charge point
    When the CSMS sends ChangeAvailability
      | connectorId | "one"       |
      | type        | Inoperative |
    Then it answers with the error TypeConstraintViolation, PropertyConstraintViolation or FormationViolation

  Scenario: A command is read however its JSON is written
    When the CSMS sends a call whose JSON has spaces and escapes
    Then it answers that call

  Scenario: A command as long as it may be is read
    When the CSMS sends ChangeConfiguration
      | key   | NoSuchSettingAnywhere-NoSuchSettingAnywhere-NoSuch |
      | value | "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" |
    Then it answers NotSupported

  Scenario: A command with a text for a payload is refused
    When the CSMS sends ChangeAvailability with a text where its members belong
    Then it answers with the error FormationViolation, TypeConstraintViolation, ProtocolError, PropertyConstraintViolation or OccurenceConstraintViolation

  Scenario: Pings keep the interval that was set
    Given the charge point has the setting WebSocketPingInterval
    And the setting WebSocketPingInterval is 2
    Then it sends 3 pings, 2 seconds apart
    Given the setting WebSocketPingInterval is 0
    Then no ping comes for 5 seconds

  Scenario: A ping is answered by a charge point
    When the CSMS sends a ping
    Then it answers the ping

  Scenario: Texts in any script are read by a charge point
    When the CSMS sends DataTransfer
      | vendorId | org.example.nobody        |
      | data     | Grüße aus Köln, 充電ステーション |
    Then it answers UnknownVendorId, UnknownMessageId or Rejected; Accepted is warned about

  @robustness
  Scenario: Rubbish on the line does not end it
    When the CSMS sends rubbish
    And the CSMS sends GetConfiguration
      | key | ["HeartbeatInterval"] |
    Then it answers with a value of HeartbeatInterval

  Scenario: One call is open at a time even when answers are slow
    Given the CSMS takes 400 milliseconds to answer
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
