@ocpp16 @core @csms @forms
Feature: The CSMS takes what charge points of all makers send

  Background:
    Given a charge point that the CSMS has accepted

  Scenario Outline: <action> is taken with each <what>
    When it sends <action> with each <what>
    Then the CSMS acknowledges each

    Examples:
      | action             | what                        |
      | Authorize          | kind of tag                 |
      | BootNotification   | member as long as it may be |
      | BootNotification   | optional member             |
      | DataTransfer       | member as long as it may be |
      | DataTransfer       | optional member             |
      | MeterValues        | context                     |
      | MeterValues        | form of a time              |
      | MeterValues        | format                      |
      | MeterValues        | location                    |
      | MeterValues        | measurand                   |
      | MeterValues        | member as long as it may be |
      | MeterValues        | optional member             |
      | MeterValues        | phase                       |
      | MeterValues        | unit                        |
      | StartTransaction   | form of a time              |
      | StartTransaction   | optional member             |
      | StatusNotification | error code                  |
      | StatusNotification | form of a time              |
      | StatusNotification | member as long as it may be |
      | StatusNotification | optional member             |
      | StatusNotification | status                      |
      | StopTransaction    | form of a time              |
      | StopTransaction    | optional member             |
      | StopTransaction    | reason                      |

  Scenario: Meter values of a session are taken in every form
    Given a session with the known tag runs on connector 1
    When it sends meter values of the transaction in every form
    Then the CSMS acknowledges each

  Scenario: Odd readings are answered
    When it sends odd readings
    Then the CSMS answers each; an error is warned about

  Scenario: Readings that come after the end of their session are answered
    Given a session with the known tag runs on connector 1
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When it sends odd readings
    Then the CSMS answers each; an error is warned about

  Scenario: Odd sessions are answered
    When it tells of odd sessions
    Then the CSMS answers each; an error is warned about
